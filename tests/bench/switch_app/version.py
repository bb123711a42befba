"""Which version of the measured app this is."""

VERSION = 0
