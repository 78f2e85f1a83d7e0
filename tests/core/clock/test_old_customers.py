"""Old customers and a business that opens: both begin with many first purchases, and differ in what comes after."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue._core.calendar import pile_of_first_days
from crmvalue._core.clock import old_customers
from crmvalue._core.clock.old_customers import DaysBought, days_bought, pile_of_old_customers

FIRST_DAY = np.datetime64("2023-01-02")


def log_of(came, gap, n_purchases, n_days=700):
    """Give codes and days of customers who buy at regular times from the day on which they came, inside the log."""
    code = np.repeat(np.arange(len(came)), n_purchases)
    nth = np.arange(len(code)) - np.searchsorted(code, code)
    day = np.repeat(came, n_purchases) + nth * np.repeat(gap, n_purchases)
    seen = (day >= 0) & (day < n_days)
    code = np.unique(code[seen], return_inverse=True)[1]
    first = np.full(code.max() + 1, n_days)
    np.minimum.at(first, code, day[seen])
    return FIRST_DAY + first, code, FIRST_DAY + day[seen]


def piles(first, code, day):
    return pile_of_first_days(first), pile_of_old_customers(first, lambda: days_bought(first, code, day))


def opening(gap=30, n_purchases=10):
    """Five come a day, and fifteen on each of the first 14 days; all buy alike."""
    came = np.append(np.arange(3500) // 5, np.arange(140) // 10)
    return log_of(came, np.full(3640, gap), np.full(3640, n_purchases))


def from_the_middle(gap=30, n_purchases=4, n_before=400):
    """Five come a day, since long before the log."""
    came = np.arange(-5 * n_before, 3500) // 5
    return log_of(came, np.full(len(came), gap), np.full(len(came), n_purchases))


class TestPileOfOldCustomers:
    """In a shop that opens, the first customers buy like later ones, and it did not sell as much from its first day."""

    @pytest.mark.parametrize(("gap", "n_purchases"), [(30, 10), (60, 2)])
    def test_a_business_that_opens_has_no_old_customers(self, gap, n_purchases):
        """With ten purchases each it sells more and more, with two it sells most at its opening."""
        assert piles(*opening(gap, n_purchases)) == (21, 0)

    def test_a_business_that_sells_as_much_as_later_from_its_first_day_may_have_them(self):
        """Four purchases of 5 customers a day, and those of 15 customers at the opening, are much the same."""
        assert piles(*opening(30, 4)) == (21, 21)

    @pytest.mark.parametrize(("gap", "n_purchases"), [(30, 4), (91, 3), (14, 10)])
    def test_old_customers_who_buy_like_new_ones_are_told(self, gap, n_purchases):
        """Each week has as many purchases as any other, from the first week on."""
        on_first_days, old = piles(*from_the_middle(gap, n_purchases))
        assert gap < on_first_days == old

    def test_people_who_buy_more_often_than_later_ones_are_old(self):
        """Those of the opening buy each 15 days, later ones each 30 days."""
        came = np.append(np.arange(3500) // 5, np.arange(140) // 10)
        assert piles(*log_of(came, np.where(came < 14, 15, 30), np.full(3640, 10))) == (21, 21)

    def test_the_end_of_a_season_comes_again(self):
        """Old customers buy twice as much in the first two weeks of each year."""
        first, code, day = from_the_middle(40, 5)
        season = (day - FIRST_DAY).astype(int) % 364 < 14
        keep = season | (np.arange(len(day)) % 2 == 0)
        code = np.unique(code[keep], return_inverse=True)[1]
        first = np.full(code.max() + 1, day.max())
        np.minimum.at(first, code, day[keep])
        on_first_days, old = piles(first, code, day[keep])
        assert 0 < on_first_days == old

    def test_months_in_which_a_shop_is_closed_are_none(self):
        """A new shop is open 120 days a year; ten come a day."""
        came = np.concatenate([365 * year + np.arange(1200) // 10 for year in range(3)])
        on_first_days, old = piles(*log_of(came, np.full(3600, 10), np.full(3600, 2), 1000))
        assert on_first_days > 120
        assert old == 0

    @pytest.mark.parametrize("from_day", [14, 30, 60])
    def test_an_advertising_wave_in_a_log_of_a_year_is_no_opening(self, from_day):
        """Three times as many come in 60 days; no year later says how many buy otherwise."""
        came = np.append(np.arange(-2000, 1820) // 5, from_day + np.arange(600) // 10)
        on_first_days, old = piles(*log_of(came, np.full(len(came), 30), np.full(len(came), 4), 364))
        assert 0 < on_first_days == old

    def test_a_closed_month_makes_no_opening_of_the_end_of_a_season(self):
        """Old customers buy twice as much in the first two weeks of each year; in one month nobody does."""
        _, code, day = from_the_middle(40, 5)
        at = (day - FIRST_DAY).astype(int)
        keep = ((at % 364 < 14) | (np.arange(len(day)) % 2 == 0)) & ((at < 300) | (at >= 335))
        code = np.unique(code[keep], return_inverse=True)[1]
        first = np.full(code.max() + 1, day.max())
        np.minimum.at(first, code, day[keep])
        on_first_days, old = piles(first, code, day[keep])
        assert 0 < on_first_days == old

    def test_days_of_a_pile_are_days_of_the_calendar(self):
        """An odd order stands 100 days before old customers: the days without any between them count."""
        first, code, day = from_the_middle()
        pile = pile_of_old_customers(first, lambda: days_bought(first, code, day))
        odd = FIRST_DAY - 100
        first = np.append(first, odd)
        code, day = np.append(code, len(first) - 1), np.append(day, odd)
        assert abs(pile_of_old_customers(first, lambda: days_bought(first, code, day)) - pile - 100) <= 7

    def test_counts_of_days_give_the_same(self):
        first, code, day = opening()
        found = days_bought(first, code, day)
        pairs = np.column_stack([found.first.astype(int), found.day.astype(int)])
        pairs, n = np.unique(pairs, axis=0, return_counts=True)
        counted = DaysBought(*pairs.T.astype("datetime64[D]"), n)
        assert pile_of_old_customers(first, lambda: counted) == 0

    def test_purchases_are_asked_for_only_where_first_ones_pile_up(self):
        came = FIRST_DAY + np.arange(1000) // 2
        assert pile_of_old_customers(came, lambda: pytest.fail("asked")) == 0

    def test_nobody_who_buys_again_shows_nothing(self):
        assert piles(*opening(30, 1)) == (21, 21)

    def test_a_short_log_says_too_little(self):
        first, code, day = opening()
        seen = day < FIRST_DAY + 100
        known = first < FIRST_DAY + 100
        first = first[known]
        code, day = (np.cumsum(known) - 1)[code[seen]], day[seen]
        assert piles(first, code, day) == (21, 21)


class TestDaysBought:
    """Each customer's days, once each."""

    def test_two_rows_of_a_day_are_one(self):
        first = FIRST_DAY + np.array([0, 3])
        found = days_bought(first, np.array([1, 0, 1, 0]), FIRST_DAY + np.array([5, 0, 5, 2]))
        assert (found.first - FIRST_DAY).astype(int).tolist() == [0, 0, 3]
        assert (found.day - FIRST_DAY).astype(int).tolist() == [0, 2, 5]

    def test_of_many_rows_it_takes_the_same_customers_in_any_order(self, monkeypatch):
        """Two rows are many here, so that four rows take each third customer: 0, whoever stands in the first row."""
        monkeypatch.setattr(old_customers, "_ENOUGH", 2)
        first, customer = FIRST_DAY + np.arange(4), np.array([1, 0, 3, 2])
        for order in (slice(None), slice(None, None, -1)):
            found = days_bought(first, customer[order], first[customer[order]])
            assert (found.first - FIRST_DAY).astype(int).tolist() == [0, 3]
