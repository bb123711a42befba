"""Sizes as people write them."""

import re

UNITS = {"": 1, "K": 1024, "M": 1024 * 1024}
SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KM]?)\s*", re.IGNORECASE)


def parse_size(text):
    """Bytes, from a number and a unit."""
    found = SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no size")
    return int(float(found[1]) * UNITS[found[2].upper()])
