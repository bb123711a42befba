"""Verbs on the machine, without policy."""
