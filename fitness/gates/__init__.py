"""One file a gate; the suite is the tuple below."""
