"""Names for addresses."""

import re


def slugify(text, max_length=None):
    """Lower case words joined by dashes, at most `max_length` characters of them."""
    whole = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return whole[:max_length].rstrip("-")
