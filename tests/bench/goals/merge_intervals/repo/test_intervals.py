from intervals import merge


def test_overlap():
    assert merge([(1, 4), (2, 6)]) == [(1, 6)]


def test_touching():
    assert merge([(1, 3), (3, 5)]) == [(1, 5)]


def test_any_order_and_inside():
    assert merge([(8, 9), (2, 4), (1, 6)]) == [(1, 6), (8, 9)]


def test_nothing():
    assert merge([]) == []
