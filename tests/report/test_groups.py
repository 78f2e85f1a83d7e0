"""The groups of customers in the overview."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.report import format_groups, summarise_groups

CDNOW = load_cdnow()
SUMMARY = summarise_groups(CDNOW.customer, CDNOW.date, CDNOW.amount)


class TestSummariseGroups:
    """`summarise_groups`: the groups of RFM with their revenue, now and three months before."""

    def test_totals_are_those_of_the_order_log(self):
        assert SUMMARY.groups.n_customers.sum() == 2357
        assert SUMMARY.groups.total == pytest.approx(math.fsum(CDNOW.amount.tolist()), abs=0.005)
        assert SUMMARY.stages.total == pytest.approx(SUMMARY.groups.total, abs=0.005)

    def test_stages_by_hand(self):
        """Who has not bought since 30 September 1997, nine months before the last day, is asleep."""
        last = np.full(int(CDNOW.customer.max()) + 1, np.datetime64("1900-01-01"))
        np.maximum.at(last, CDNOW.customer, CDNOW.date)
        asleep = int((last[np.unique(CDNOW.customer)] <= np.datetime64("1997-09-30")).sum())
        assert SUMMARY.stages.n_customers.tolist() == [2357 - asleep, asleep, 0, 0]

    def test_three_months_before(self):
        """Three years of orders: the silence of the worst scores was possible three months before the end."""
        days = np.datetime64("2021-01-01") + np.arange(0, 1090, 10)
        customer = np.arange(len(days)) % 40
        summary = summarise_groups(customer, days, np.ones(len(days)))
        assert summary.before is not None
        bought = np.unique(customer[days <= summary.before.as_of])
        assert summary.before.n_customers.sum() == len(bought)
        assert f"on {summary.before.as_of}" in format_groups(summary)

    def test_a_base_that_does_not_change_does_not_grow(self):
        """40 customers buy every 10 to 49 days from the beginning to the end, 40 others once, one after the other.

        By purchases of all time, the regular buyers seem to rise in three months.
        """
        regular = [(i, day) for i in range(40) for day in range(i % 5, 1095, 10 + i)]
        once = [(100 + i, 25 * i) for i in range(40)]
        customer, day = np.array(regular + once).T
        summary = summarise_groups(customer, np.datetime64("2021-01-01") + day, np.ones(len(day)), as_of="2023-12-31")
        assert summary.before is not None
        assert summary.breaks.window == 1003  # 1 January 2021 to 30 September 2023
        assert "count the 1,003 days up to each" in format_groups(summary)
        now, then = (dict(zip(s.names, s.n_customers.tolist(), strict=True)) for s in (summary.groups, summary.before))
        assert abs(now["Champions"] - then["Champions"]) <= 1
        assert summary.groups.total == len(day)  # the revenue of all time

    def test_a_log_that_was_too_young_for_such_silence_is_not_compared(self):
        assert SUMMARY.before is None

    def test_a_short_log_has_no_past(self):
        short = summarise_groups([1, 2], ["2024-01-01", "2024-02-01"], [1, 2])
        assert short.before is None

    def test_without_amounts(self):
        bare = summarise_groups(CDNOW.customer, CDNOW.date)
        assert not bare.has_money
        assert bare.groups.n_customers.sum() == 2357
        assert "revenue" not in format_groups(bare)

    def test_the_due_customers_cannot_be_changed(self):
        with pytest.raises(TypeError, match="cannot be changed"):
            SUMMARY.due[9] = 0
        for wrong in (None, [1], {9: -1}, {9: 1.5}, {"nine": 1}):
            with pytest.raises(InputError, match="due"):
                attrs.evolve(SUMMARY, due=wrong)

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [("as_of", "2024-02-30"), ("groups", None), ("stages", 5), ("breaks", None), ("before", "x"), ("has_money", 1)],
    )
    def test_fields_are_checked(self, name, wrong):
        with pytest.raises(InputError) as caught:
            attrs.evolve(SUMMARY, **{name: wrong})
        assert caught.value.name == name

    def test_rejections(self):
        with pytest.raises(InputError, match="as_of"):
            summarise_groups([1], ["2024-01-01"], as_of="1999-01-01")
        with pytest.raises(InputError, match="GroupSummary"):
            format_groups("groups")


class TestFormatGroups:
    """`format_groups`: a table of at most 120 columns, and what needs attention."""

    def test_every_group_has_a_line(self):
        text = format_groups(SUMMARY)
        assert max(map(len, text.splitlines())) <= 120
        for name, n in zip(SUMMARY.groups.names, SUMMARY.groups.n_customers.tolist(), strict=True):
            assert any(line.startswith(f"  {name}  ") and f" {n:,} " in line for line in text.splitlines())

    def test_attention(self):
        text = format_groups(SUMMARY)
        for name in SUMMARY.attention:
            assert f"    {name}: " in text
        assert "About To Sleep" not in SUMMARY.attention  # nobody is in it
