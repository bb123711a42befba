"""Values deep inside of nested data."""


def dig(data, path, default=None):
    """The value at a dotted path, or the default."""
    for part in path.split("."):
        try:
            data = data[int(part)] if isinstance(data, list) else data[part]
        except (LookupError, TypeError, ValueError):
            return default
    return data
