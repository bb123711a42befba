import pytest
from sizes import parse_size


def test_units():
    assert parse_size("2K") == 2048
    assert parse_size(" 2 k ") == 2048
    assert parse_size("1.5M") == 1572864


def test_without_a_unit():
    assert parse_size("10") == 10


@pytest.mark.parametrize("text", ["", "K", "ten", "-1K"])
def test_nonsense(text):
    with pytest.raises(ValueError):
        parse_size(text)
