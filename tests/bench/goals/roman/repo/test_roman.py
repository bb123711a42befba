from roman import to_roman


def test_plain():
    assert to_roman(2026) == "MMXXVI"


def test_short_forms():
    assert to_roman(4) == "IV"
    assert to_roman(1994) == "MCMXCIV"
