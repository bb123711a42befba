"""Builds, boots and proves the guest."""
