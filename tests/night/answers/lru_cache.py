"""A small cache."""


class Cache:
    """Keys and values, the least recently used first."""

    def __init__(self, limit=100):
        self.limit = limit
        self.values = {}

    def get(self, key):
        if key not in self.values:
            return None
        self.values[key] = self.values.pop(key)
        return self.values[key]

    def put(self, key, value):
        self.values.pop(key, None)
        self.values[key] = value
        if len(self.values) > self.limit:
            del self.values[next(iter(self.values))]

    def __len__(self):
        return len(self.values)
