"""The groups of customers in the overview."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.report import format_groups, summarise_groups
from crmvalue.segmentation import fit_rfm

CDNOW = load_cdnow()
SUMMARY = summarise_groups(CDNOW.customer, CDNOW.date, CDNOW.amount)


class TestSummariseGroups:
    """`summarise_groups`: the groups of RFM with their revenue, now and three months before."""

    def test_totals_are_those_of_the_order_log(self):
        assert SUMMARY.groups.n_customers.sum() == 2357
        assert SUMMARY.groups.total == pytest.approx(math.fsum(CDNOW.amount.tolist()), abs=0.005)
        assert SUMMARY.stages.total == pytest.approx(SUMMARY.groups.total, abs=0.005)

    def test_spend_is_total_or_mean(self):
        """M goes by the money of all purchases of a customer, or by their mean; the revenue is that of all."""
        customer = [1] * 9 + [2] + [3] * 2
        date = [f"2024-01-{1 + day:02}" for day in (*range(9), 8, 7, 8)]
        log = (customer, date, [10] * 9 + [50] + [20, 40])
        total, mean = (summarise_groups(*log, spend_basis=basis) for basis in ("total", "mean"))
        assert summarise_groups(*log).breaks == total.breaks
        assert (total.breaks.spend_basis, mean.breaks.spend_basis) == ("total", "mean")
        by_hand = {"total": [90, 50, 60], "mean": [10, 50, 30]}
        for summary in (total, mean):
            basis = summary.breaks.spend_basis
            expected = fit_rfm([0, 0, 0], [9, 1, 2], by_hand[basis], spend_basis=basis, as_of="2024-01-09")
            assert summary.breaks == expected
            assert summary.groups.total == 200
        assert format_groups(mean).splitlines()[0].endswith("M is the mean spend per purchase")
        assert "M is" not in format_groups(total)
        assert total.breaks != attrs.evolve(mean.breaks, spend_basis="total")

    def test_stages_by_hand(self):
        """Who has not bought since 30 September 1997, nine months before the last day, is asleep."""
        last = np.full(int(CDNOW.customer.max()) + 1, np.datetime64("1900-01-01"))
        np.maximum.at(last, CDNOW.customer, CDNOW.date)
        asleep = int((last[np.unique(CDNOW.customer)] <= np.datetime64("1997-09-30")).sum())
        assert SUMMARY.stages.n_customers.tolist() == [2357 - asleep, asleep, 0, 0]

    @pytest.mark.parametrize("has_money", [True, False])
    def test_nobody_grows_where_nothing_changes(self, has_money):
        """Each week one customer comes, buys in 20 weeks in a row, and leaves: all weeks are alike.

        From 30 January to 30 April 2024 there are 13 weeks, and what they spend repeats after 13 customers. Counts of
        all time would have grown all the same.
        """
        end, weeks = np.datetime64("2024-04-30"), 200
        come = np.repeat(np.arange(weeks), 20)
        week = come + np.tile(np.arange(20), weeks)
        amount = 10.0 + come % 13 if has_money else None
        day = end + 7 * (week - 170)
        summary = summarise_groups(come, day, amount, as_of=end)
        assert (summary.window, str(summary.before.as_of), summary.now.as_of) == (365, "2024-01-30", end)
        assert summary.before.n_customers.tolist() == summary.now.n_customers.tolist()
        assert summary.before.n_customers.sum() > 0
        assert summary.groups.n_customers.sum() > summary.now.n_customers.sum()

    def test_windows_by_hand(self):
        """Only purchases of the 365 days until each day count."""
        for day, part in (("1998-03-30", SUMMARY.before), ("1998-06-30", SUMMARY.now)):
            end = np.datetime64(day)
            inside = (CDNOW.date > end - np.timedelta64(365, "D")) & (CDNOW.date <= end)
            assert part.as_of == end
            assert part.n_customers.sum() == len(np.unique(CDNOW.customer[inside]))
            assert part.total == pytest.approx(math.fsum(CDNOW.amount[inside].tolist()), abs=0.005)
        lines = format_groups(SUMMARY).splitlines()
        assert lines[1].endswith("  until 1998-03-30  until 1998-06-30")
        assert "in the 365 days until each day" in "\n".join(lines)

    @pytest.mark.parametrize(
        ("n_days", "window"), [(180 + 91, 180), (180 + 90, None), (365 + 91, 365), (365 + 90, 180)]
    )
    def test_the_longest_window_that_the_log_covers(self, n_days, window):
        """From 30 January to 30 April 2024 there are 91 days."""
        day = np.datetime64("2024-04-30") - np.arange(n_days)
        summary = summarise_groups(np.arange(n_days) % 40, day, np.ones(n_days))
        assert summary.window == window
        said = " ".join(format_groups(summary).split())
        assert ("but a season can be in the difference" in said) == (window == 180)
        assert ("So the two can be compared." in said) == (window == 365)

    def test_ranks_in_a_short_log_are_no_silence(self):
        """A month of a grocer: whoever did not come for 26 days is the longest silent of all, and not lost."""
        day = np.datetime64("2024-04-30") - np.arange(30)
        said = "nobody in it has been silent for 9 months yet"
        assert said in " ".join(format_groups(summarise_groups(np.arange(30) % 25, day, np.ones(30))).split())
        assert said not in " ".join(format_groups(SUMMARY).split())

    def test_a_silent_window_is_not_compared(self):
        """Nobody bought in the 180 days until three months before."""
        summary = summarise_groups([1, 2], ["2020-01-01", "2024-02-01"], [1, 2])
        assert (summary.window, summary.before, summary.now) == (None, None, None)
        assert "until" not in format_groups(summary)

    def test_a_short_log_has_no_past(self):
        short = summarise_groups([1, 2], ["2024-01-01", "2024-02-01"], [1, 2])
        assert short.before is None

    def test_without_amounts(self):
        bare = summarise_groups(CDNOW.customer, CDNOW.date)
        assert not bare.has_money
        assert bare.groups.n_customers.sum() == 2357
        assert "revenue" not in format_groups(bare)

    def test_the_smallest_fields(self):
        nobody = attrs.evolve(SUMMARY, due={0: 0, 7: 0}, window=1)
        assert dict(nobody.due) == {0: 0, 7: 0}
        assert nobody.window == 1
        assert attrs.evolve(SUMMARY, window=None, before=None, now=None).now is None
        for part in ("window", "before", "now"):
            with pytest.raises(InputError, match="`window` must be given where"):
                attrs.evolve(SUMMARY, **{part: None})

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
        for field, bad in (("as_of", "now"), ("window", 0), ("window", 7.5), ("has_money", "yes")):
            with pytest.raises(InputError, match=f"`{field}`"):
                attrs.evolve(SUMMARY, **{field: bad})
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
