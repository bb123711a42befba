"""Sizes as people write them."""

UNITS = {"K": 1024, "M": 1024 * 1024}


def parse_size(text):
    """Bytes, from a number and a unit."""
    return int(text[:-1]) * UNITS[text[-1]]
