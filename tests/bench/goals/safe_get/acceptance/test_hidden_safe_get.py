from nested import dig

DATA = {"a": {"b": [{"c": 1}, 2, None]}, "n": None, "f": False}


def test_what_is_there():
    assert dig(DATA, "a.b.0.c") == 1
    assert dig(DATA, "a.b.1") == 2
    assert dig(DATA, "f", 5) is False
    assert dig(DATA, "a") == DATA["a"]


def test_what_is_not_there():
    for path in ("x", "a.x", "a.b.9", "a.b.x", "n.x", "a.b.1.c", "f.g"):
        assert dig(DATA, path) is None
        assert dig(DATA, path, "d") == "d"
