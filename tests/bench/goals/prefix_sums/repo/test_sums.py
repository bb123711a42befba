from sums import range_sums


def test_some():
    assert range_sums([1, 2, 3, 4], [(0, 4), (1, 3), (2, 2)]) == [10, 5, 0]
