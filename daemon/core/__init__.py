"""Pure nouns and tables; no input, no output."""
