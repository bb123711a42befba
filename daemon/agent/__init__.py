"""The loop, its messages, providers and tools."""
