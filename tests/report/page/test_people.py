"""The lists of customers: who is due, who is about to be lost; against slow definitions."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from crmvalue._report.page.people import find_due, find_leaving, find_silent
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.journeys import Cascade
from crmvalue.models import BgNbd
from crmvalue.purchases import PurchaseHistory, summarise_purchases
from crmvalue.report import CustomerList, summarise_report

MODEL = BgNbd(0.243, 4.414, 0.793, 2.426, "week")  # Fader, Hardie and Lee (2005), CDNOW


@pytest.fixture(scope="module")
def history():
    log = load_cdnow()
    return summarise_purchases(log.customer, log.date, log.amount, time_unit="week")


@pytest.fixture(scope="module")
def segment(history):
    return np.array(["At Risk", "Champions", "Can't Lose Them", "Lost"])[np.arange(len(history)) % 4]


def alive(frequency, recency, age):
    """P(alive) of BG/NBD, equation 4 of Fader, Hardie and Lee (2008), "Computing P(alive) Using the BG/NBD Model"."""
    r, alpha, a, b = 0.243, 4.414, 0.793, 2.426
    if frequency == 0:
        return 1.0
    return 1 / (1 + a / (b + frequency - 1) * ((alpha + age) / (alpha + recency)) ** (r + frequency))


class TestLeaving:
    """More likely active than gone today, and the other way round within four weeks."""

    def test_is_who_falls_below_one_half(self, history, segment):
        rows = list(zip(history.frequency.tolist(), history.recency.tolist(), history.age.tolist(), strict=True))
        expected = {
            who
            for who, (x, last, age) in zip(history.customer.tolist(), rows, strict=True)
            if alive(x, last, age) >= 0.5 > alive(x, last, age + 4)
        }
        found = find_leaving(history, segment, MODEL, MODEL.prob_alive(history), None)
        assert found.n_all == len(expected) > 0
        assert set(found.customer.tolist()) <= expected

    def test_the_day_to_write_by_is_the_first_below_one_half(self, history, segment):
        found = find_leaving(history, segment, MODEL, MODEL.prob_alive(history), None)
        place = np.searchsorted(history.customer, found.customer)
        for row, day in zip(place.tolist(), found.write_by, strict=True):
            days = int((day - history.as_of).astype(int))
            x, last, age = (float(column[row]) for column in (history.frequency, history.recency, history.age))
            assert alive(x, last, age + days / 7) < 0.5 <= alive(x, last, age + (days - 1) / 7)

    def test_the_dearest_come_first(self, history, segment):
        value = np.random.default_rng(2).random(len(history))
        found = find_leaving(history, segment, MODEL, MODEL.prob_alive(history), value)
        assert (np.diff(found.clv) <= 0).all()
        assert found.clv[0] <= value.max()

    def test_nobody(self):
        one = PurchaseHistory.from_columns(
            frequency=[0.0], recency=[0.0], age=[3.0], time_unit="week", customer=["ann"], as_of="2024-01-31"
        )
        found = find_leaving(one, np.array(["New"]), MODEL, MODEL.prob_alive(one), None)
        assert (len(found), found.n_all) == (0, 0)


class TestDue:
    """The steps of the default cascade, those of the last seven days first, then the highest spend."""

    def test_is_what_the_cascade_says(self, history, segment):
        found = find_due(history, segment)
        day = np.datetime64(history.as_of, "D")
        last = day - np.rint(history.days_since_last).astype(np.int64)
        due = Cascade().due(last, day)
        spend = dict(zip(history.customer.tolist(), history.total_spend.tolist(), strict=True))
        fresh = {int(history.customer[row]): step > day - 7 for row, step in zip(due.row, due.date, strict=True)}
        expected = sorted(fresh, key=lambda who: (not fresh[who], -spend[who], who))
        assert found.n_all == len(due)
        assert found.customer.tolist() == expected[: len(found)]
        months = dict(zip(history.customer[due.row].tolist(), due.month.tolist(), strict=True))
        assert found.month.tolist() == [months[who] for who in found.customer.tolist()]


class TestSilent:
    """Without a model that knows of leaving: two groups, the highest spend first."""

    def test_is_the_best_of_two_groups(self, history, segment):
        found = find_silent(history, segment)
        chosen = np.isin(segment, ["At Risk", "Can't Lose Them"])
        assert found.n_all == np.count_nonzero(chosen)
        assert found.total_spend.tolist() == sorted(history.total_spend[chosen].tolist(), reverse=True)[: len(found)]


KEPT = {"basis": "groups", "n_all": 2, "customer": ["ann"], "segment": ["Lost"], "n_purchases": [2]}


class TestCustomerList:
    """A list has one element of each column for each customer, and no more customers than there are."""

    def test_rejects_another_basis(self):
        with pytest.raises(InputError, match="basis"):
            CustomerList(**{**KEPT, "basis": "mood"}, last_purchase=["2024-01-31"])

    def test_rejects_columns_of_another_length(self):
        with pytest.raises(InputError, match="last_purchase"):
            CustomerList(**KEPT, last_purchase=["2024-01-31", "2024-02-29"])

    def test_rejects_more_customers_than_there_are(self):
        with pytest.raises(InputError, match="n_all"):
            CustomerList(**{**KEPT, "n_all": 0}, last_purchase=["2024-01-31"])

    def test_gives_the_columns_that_it_has(self):
        found = CustomerList(**KEPT, last_purchase=["2024-01-31"])
        assert list(found.to_columns()) == ["customer", "segment", "n_purchases", "last_purchase"]


class TestReport:
    """The whole: its parts agree with each other and with the functions that make them."""

    def test_the_interval_holds_the_value(self):
        log = load_cdnow()
        report = summarise_report(log.customer, log.date, log.amount, margin=0.3)
        assert report.value_interval.low < report.models.value < report.value_interval.high
        assert sum(report.groups.due.values()) == report.due.n_all
        assert report.pictures["customer"].plot_data()["write_by"][0] == report.leaving.write_by[0]

    def test_without_a_model_the_groups_make_the_list(self):
        report = summarise_report(["ann", "bob"], ["2023-01-31", "2024-01-31"], [10.0, 1.0])
        assert report.models.model is None
        assert report.leaving.basis == "groups"
        assert report.value_interval is None

    def test_refuses_what_is_no_picture(self):
        report = summarise_report(["ann"], ["2024-01-31"], [1.0])
        with pytest.raises(InputError, match="pictures"):
            attrs.evolve(report, pictures={"due": 3})
        with pytest.raises(InputError, match="pictures"):
            attrs.evolve(report, pictures=[3])
