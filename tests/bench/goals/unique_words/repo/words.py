"""Words of a text."""


def unique(words):
    """The words without repeats, in the order of their first occurrence."""
    found = []
    for word in words:
        if word not in found:
            found.append(word)
    return found
