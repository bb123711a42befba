from nested import dig

DATA = {"a": {"b": [{"c": 1}, 2]}}


def test_dicts():
    assert dig(DATA, "a.b") == [{"c": 1}, 2]


def test_lists():
    assert dig(DATA, "a.b.0.c") == 1


def test_missing():
    assert dig(DATA, "a.x") is None
    assert dig(DATA, "a.b.7", 0) == 0
    assert dig(DATA, "a.b.1.c") is None
