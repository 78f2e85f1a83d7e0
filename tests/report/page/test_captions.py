"""Titles of the pictures of the page: what they say is so."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

from crmvalue._models.pictures import values_parts
from crmvalue._report.page.captions import _concentration, _values
from crmvalue._report.page.contents import _due_parts
from crmvalue._report.page.words import LANGUAGES, words_of
from crmvalue._segmentation.pictures import lorenz_parts

SEVERAL = np.repeat([100.0, 20.0, -5.0, -8.0], [2, 3, 10, 5])  # in all 170, the best tenth 200
FEW = np.array([100.0, 10.0, -40.0])


class TestShareOfTheBest:
    """Where others cost more than they bring, the best may be worth more than all: that is no share of the whole."""

    @pytest.mark.parametrize(
        ("clv", "title"),
        [
            (SEVERAL, "The best 10 % of the customers are worth more than all customers together"),
            (np.maximum(SEVERAL, 0.0), "The best 10 % of the customers hold 77 % of the future value"),
            (FEW, "The best customer is worth more than all customers together"),
            (np.maximum(FEW, 0.0), "The best customer holds 91 % of the future value"),
        ],
    )
    def test_titles(self, clv, title):
        parts = values_parts(clv, None, 0.95)
        assert parts.title == title
        report = SimpleNamespace(base=SimpleNamespace(n_customers=len(clv)))
        for language in LANGUAGES:
            said = " ".join(_values(parts, report, words_of(language)).title.split())
            assert (said == title) is (language == "en")
            assert re.findall(r"\d+", said) == re.findall(r"\d+", title)


@pytest.mark.parametrize(
    ("value", "title"),
    [
        ([3508, *[1] * 605], "The best customer brings 85 % of the revenue"),  # 0.1 % of the customers
        ([5, 2, 1, 1, 1], "Half of the revenue comes from 20 % of the customers"),
    ],
)
def test_one_customer_who_brings_more_than_half_is_no_share_of_the_customers(value, title):
    ends = np.concatenate([[0.0], np.cumsum(np.sort(value)) / np.sum(value)])
    parts = lorenz_parts(np.linspace(0, 1, len(ends)), ends)
    report = SimpleNamespace(base=SimpleNamespace(n_customers=len(value)))
    for language in LANGUAGES:
        said = " ".join(_concentration(parts, report, words_of(language)).title.split())
        assert (said == title) is (language == "en")
        assert re.findall(r"\d+", said) == re.findall(r"\d+", title)


def test_the_largest_step_of_those_who_are_due_is_not_said_to_have_most_of_them():
    title = _due_parts(SimpleNamespace(due={9: 4, 12: 3, 15: 3})).title
    assert title == "The step of 9 months has the most customers due: 4 of 10"
    title = _due_parts(SimpleNamespace(due={9: 3, 12: 4, 15: 4})).title
    assert title == "The step of 12 months has the most customers due: 4 of 11; 1 more is equal"
