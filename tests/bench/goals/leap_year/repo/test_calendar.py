from calendar_ import days_in_year, is_leap


def test_plain_ones():
    assert is_leap(2024)
    assert not is_leap(2023)
    assert days_in_year(2024) == 366


def test_centuries():
    assert not is_leap(1900)
    assert is_leap(2000)
