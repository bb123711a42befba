"""Black-box tests that gates run against a served candidate."""
