"""A small cache."""


class Cache:
    """Keys and values."""

    def __init__(self, limit=100):
        self.limit = limit
        self.values = {}

    def get(self, key):
        return self.values.get(key)

    def put(self, key, value):
        self.values[key] = value

    def __len__(self):
        return len(self.values)
