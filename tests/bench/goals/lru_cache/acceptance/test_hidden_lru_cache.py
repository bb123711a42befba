import random
from collections import OrderedDict

from cache import Cache


def test_like_a_slow_one():
    chance = random.Random(6)
    for limit in (1, 2, 5):
        cache, slow = Cache(limit), OrderedDict()
        for _ in range(500):
            key = chance.randint(0, 8)
            if chance.random() < 0.5:
                value = chance.random()
                cache.put(key, value)
                slow[key] = value
                slow.move_to_end(key)
                if len(slow) > limit:
                    slow.popitem(last=False)
            else:
                assert cache.get(key) == slow.get(key)
                if key in slow:
                    slow.move_to_end(key)
            assert len(cache) == len(slow)
