"""Slots, promotion, probation: what outlives every release."""
