"""What is remembered between two breaths: journal, evidence, settings, goals."""
