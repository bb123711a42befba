import pytest
from sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        (" 10 ", 10),
        ("3k", 3072),
        ("3 K", 3072),
        ("2m", 2097152),
        ("0.5k", 512),
        ("7M", 7340032),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size
    assert isinstance(parse_size(text), int)


@pytest.mark.parametrize("text", ["", "  ", "K", "M", "1Q", "k1", "--1", "-5", "-1M", "1 2K"])
def test_nonsense_is_refused(text):
    with pytest.raises(ValueError):
        parse_size(text)
