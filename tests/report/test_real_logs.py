"""The command on a log as real ones are: it is not stopped by odd rows, and names and counts each kind."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crmvalue.__main__ import main
from crmvalue._core.calendar import start_of_log
from crmvalue._core.labels import spoken_for
from crmvalue.purchases import summarise_window
from crmvalue.report import format_summary, summarise_base, summarise_groups, summarise_models


def made_up_log():
    """Give a log of 600 customers over two years: customer, time, amount."""
    rng = np.random.default_rng(11)
    n = 600
    joined = rng.integers(0, 600, n)
    pace, life = rng.gamma(1.2, 20.0, n) + 5.0, rng.exponential(400.0, n)
    customer, day = [], []
    for who in range(n):
        gaps = rng.exponential(pace[who], 200)
        days = joined[who] + np.concatenate([[0.0], np.cumsum(gaps)])
        days = np.unique(days[(days <= joined[who] + life[who]) & (days < 730)].astype(int))
        customer += [who + 1] * len(days)
        day += days.tolist()
    amount = np.round(rng.gamma(2.0, 15.0, len(day)) + 1.0, 2)
    return np.array(customer), np.datetime64("2023-01-01") + np.array(day), amount


def with_odd_rows(customer, day, amount):
    """Add what real logs have: a lapsed daily buyer, a wrong date, a residue, copies, rows without a customer."""
    first, last = day.min(), day.max()
    lapsed = last - np.timedelta64(730 + 500, "D") + np.arange(500)
    extra = [
        (np.full(500, 9001), lapsed, np.full(500, 5.0)),
        ([9002], [np.datetime64("2203-01-01")], [12.0]),
        ([9003], [first + np.timedelta64(30, "D")], [4e-16]),
        (customer[:10], day[:10], amount[:10]),
        ([-1] * 5, first + np.arange(5), np.full(5, 7.0)),
    ]
    return tuple(
        np.concatenate([column, *(row[i] for row in extra)]) for i, column in enumerate((customer, day, amount))
    )


class TestOddRows:
    """One odd row or customer stops nothing, and none goes without a word."""

    @pytest.mark.parametrize("kind", ["csv", "parquet"])
    def test_each_is_named_and_counted(self, tmp_path, capsys, kind):
        customer, day, amount = made_up_log()
        n, revenue = len(day), amount.sum()
        bought = n + 500 + 1
        customer, day, amount = with_odd_rows(customer, day, amount)
        path = tmp_path / f"orders.{kind}"
        if kind == "csv":
            rows = zip(customer.tolist(), day.tolist(), amount.tolist(), strict=True)
            lines = [f"{'' if who < 0 else who},{when},{money!r}" for who, when, money in rows]
            path.write_text("\n".join(["customer,date,amount", *lines]))
        else:
            columns = {"customer": pa.array(customer, mask=customer < 0), "date": day, "amount": amount}
            pq.write_table(pa.table(columns), path)
        assert main([str(path), "--margin", "0.3", "--acquisition-cost", "20", "--discount-rate", "0.1"]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        for fact in (
            f"^Read {n + 517:,} rows: customer = 'customer'",
            r"Left out, because the customer is missing: 5 of the rows\.",
            r"years from those of the log: 1 of the rows: 2203-01-01 \(customer '9002'\)\.",
            r"10 rows are exact copies of another row, in all 3 columns of the file\.",
            r"customers +602\n",
            rf"purchases +{bought:,} ",
            rf"revenue +{revenue + 2500 + made_up_log()[2][:10].sum():,.2f}\n",
            r"tiny amounts +1 row +below 1e-9: counted as 0",
            r"fell silent +\d+ +frequent buyers, silent for over 20 times their mean gap\n +customer '9001' bought",
            r"retention rate +0\.\d\d ",
            r"active, in margin +\d",
            r"best 10 % hold +0\.\d\d",
            r"chosen model +(MBG/NBD|BG/NBD|Pareto/NBD) ",
            r"expected purchases +[\d,]+ ",
            r"value, 52 weeks +[\d,.]+ ",
        ):
            assert re.search(fact, captured.out), fact
        assert "nan" not in captured.out

    def test_a_customer_long_before_the_others_does_not_hide_the_model(self, tmp_path, capsys):
        customer, day, amount = made_up_log()
        early = day.min() - np.timedelta64(4 * 365, "D") + np.arange(500)
        path = tmp_path / "orders.parquet"
        columns = {
            "customer": np.append(customer, np.full(500, 9001)),
            "date": np.append(day, early),
            "amount": np.append(amount, np.full(500, 5.0)),
        }
        pq.write_table(pa.table(columns), path)
        assert main([str(path)]) == 0
        printed = capsys.readouterr().out
        assert re.search(r"chosen model +(MBG/NBD|BG/NBD|Pareto/NBD) ", printed)
        assert re.search(r"fell silent +\d+ ", printed)

    def test_a_customer_long_before_the_others_does_not_change_the_value(self):
        customer, day, amount = made_up_log()
        early = day.min() - np.timedelta64(4 * 365, "D") + np.arange(500)
        log = [np.append(column, more) for column, more in ((customer, np.full(500, 9001)), (day, early))]
        terms = {"margin": 0.3, "as_of": day.max()}
        plain = summarise_base(customer, day, amount, **terms)
        odd = summarise_base(*log, np.append(amount, np.full(500, 5.0)), **terms)
        for name in ("name", "n_before", "n_active", "retention_rate", "arpu", "n_ignored"):
            assert getattr(odd.last_period, name) == getattr(plain.last_period, name)
        assert odd.value.ltv_margin == plain.value.ltv_margin

    @pytest.mark.parametrize("days", [[-200], range(-500, -200)], ids=["a test order", "a lapsed daily buyer"])
    def test_nobody_long_before_the_others_chooses_windows_or_the_cut(self, days, monkeypatch):
        """120 customers are seen for 303 days; the models are fitted to three fifths of them."""
        customer = np.repeat(np.arange(120), 5)
        day = np.tile([0, 60, 121, 181, 243], 120) + customer // 2
        log = np.append(customer, np.full(len(days), 999)), np.datetime64("2024-01-01") + np.append(day, days)
        monkeypatch.setattr("crmvalue._report.models._candidates", lambda _: ("NBD",))
        with spoken_for():
            assert summarise_groups(*log).window == 180
            assert summarise_window(*log, window=365).n_days_observed == 303
            found = summarise_models(*log)
        assert str(found.calibration_end) == "2024-06-30"
        assert found.unseen_months == ("November", "December")

    def test_a_lapsed_daily_buyer_does_not_choose_the_period(self):
        """Most buy each 47 days: twice that is more than a quarter. One who bought on 500 days pulls the mean below."""
        came = np.append(np.zeros(60, dtype=int), np.arange(110, 170))
        customer, day = zip(*((who, first + 47 * i) for who, first in enumerate(came) for i in range(9)), strict=True)
        day = np.array(day)
        customer, day = np.array(customer)[day < 430], day[day < 430]
        lapsed = np.append(customer, np.full(500, 999)), np.append(day, np.arange(500) - 800)
        first = np.datetime64("2024-01-01")
        plain, odd = (
            summarise_base(who, first + when, np.full(len(who), 5.0), margin=0.3, as_of=first + day.max())
            for who, when in ((customer, day), lapsed)
        )
        assert odd.time_between_purchases.value < 45.5 < plain.time_between_purchases.value
        assert odd.last_period.name == plain.last_period.name == "half-year"
        assert odd.last_period.prob_silent == plain.last_period.prob_silent
        assert odd.value.ltv_revenue == plain.value.ltv_revenue

    @pytest.mark.parametrize(
        ("n_early", "n", "days_before", "begins"),
        [(1, 100, 92, 92), (1, 100, 91, 0), (1, 99, 92, 0), (2, 200, 92, 92), (3, 200, 92, 0), (0, 5, 0, 0)],
    )
    def test_where_the_log_begins(self, n_early, n, days_before, begins):
        came = np.datetime64("2024-01-01") + np.array([0] * n_early + [days_before] * (n - n_early))
        assert start_of_log(came) - np.datetime64("2024-01-01") == np.timedelta64(begins, "D")


class TestFellSilent:
    """At least 10 purchases, then a silence of more than 20 times the mean time between them."""

    @pytest.mark.parametrize(
        ("n_purchases", "gap", "silence", "counts"),
        [(10, 3, 61, True), (10, 3, 60, False), (9, 3, 61, False), (500, 1, 21, True), (500, 1, 20, False)],
    )
    def test_its_edges(self, n_purchases, gap, silence, counts):
        days = np.datetime64("2023-01-01") + gap * np.arange(n_purchases)
        end = days[-1] + np.timedelta64(silence, "D")
        summary = summarise_base(["ann"] * n_purchases + ["bob"], np.append(days, end), as_of=end)
        assert (summary.n_fell_silent, summary.fell_silent) == ((1, "ann") if counts else (0, None))
        assert ("this is customer 'ann'" in format_summary(summary)) == counts

    def test_the_most_frequent_is_named(self):
        days = np.datetime64("2023-01-01") + np.arange(40)
        customer = np.concatenate([np.full(12, 3), np.full(15, 1), np.full(15, 2), [4]])
        date = np.concatenate([days[:12], days[:15], days[:15], [days[0] + np.timedelta64(500, "D")]])
        summary = summarise_base(customer, date, as_of=date.max())
        assert (summary.n_fell_silent, summary.fell_silent) == (3, "1")


def test_a_last_day_before_the_first_order_is_refused_in_one_sentence(tmp_path, capsys):
    path = tmp_path / "orders.csv"
    path.write_text("customer,date,amount\na,2024-01-05,10\nb,2024-02-05,10\n", encoding="utf-8")
    assert main([str(path), "--as-of", "2023-12-31"]) == 2
    assert "--as-of must be on or after the first date of the log (2024-01-05)" in capsys.readouterr().err
