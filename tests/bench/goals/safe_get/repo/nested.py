"""Values deep inside of nested data."""


def dig(data, path):
    """The value at a dotted path."""
    for part in path.split("."):
        data = data[part]
    return data
