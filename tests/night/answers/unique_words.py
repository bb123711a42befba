"""Words of a text."""


def unique(words):
    """The words without repeats, in the order of their first occurrence."""
    return list(dict.fromkeys(words))
