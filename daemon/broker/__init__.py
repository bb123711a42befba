"""The one process with keys and egress."""
