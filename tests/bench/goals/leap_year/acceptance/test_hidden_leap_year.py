import calendar

from calendar_ import days_in_year, is_leap


def test_all_years():
    for year in range(1, 3000):
        assert bool(is_leap(year)) == calendar.isleap(year), year
        assert days_in_year(year) == 365 + calendar.isleap(year)
