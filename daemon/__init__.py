"""The processes of org."""
