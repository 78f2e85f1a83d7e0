"""The best hour of each customer: own opens, drawn towards the hours of everybody."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.errors import InputError
from crmvalue.journeys import (
    BirthdayJourney,
    Cascade,
    Customers,
    Policy,
    SendHours,
    best_send_hours,
    plan,
)


def opens(hours):
    return [f"2024-05-01T{hour:02d}:30" for hour in hours]


class TestBestSendHours:
    """The hour with the largest expected share of opens, smoothed over its neighbours."""

    def test_few_opens_move_little_and_many_do(self):
        """Most people open at 9; one open at 20 is no habit, thirty are."""
        rng = np.random.default_rng(1)
        who = np.r_[np.repeat(np.arange(300), 10), np.full(1, 300), np.full(30, 301)]
        when = np.r_[rng.choice([8, 9, 10, 19, 20], 3000, p=[0.2, 0.5, 0.2, 0.05, 0.05]), [20], np.full(30, 20)]
        found = best_send_hours(who, opens(when))
        assert found.of([300, 301, 9999]).tolist() == [9, 20, 9]
        assert found.base_hour == 9
        assert found.n_opens[-2:].tolist() == [1, 30]

    def test_shares_are_those_of_the_definition(self):
        who, when = [1, 1, 1, 2], [9, 9, 12, 12]
        found = best_send_hours(who, opens(when), earliest=9, latest=12)
        s, base = found.strength, np.bincount(when, minlength=24) / 4
        for i, mine in enumerate(([9, 9, 12], [12])):
            own = (np.bincount(mine, minlength=24) + s * base) / (len(mine) + s)
            smooth = [own[h - 1] / 4 + own[h] / 2 + own[h + 1] / 4 for h in range(9, 13)]
            assert found.hour[i] == 9 + int(np.argmax(smooth))
            assert found.share[i] == pytest.approx(max(smooth))

    def test_the_strength_is_found_again(self):
        """Customers whose shares are drawn with a strength of 5: the estimate is near it."""
        rng = np.random.default_rng(2)
        base = np.full(24, 1 / 24)
        shares = rng.dirichlet(5 * base, size=3000)
        when = np.concatenate([rng.choice(24, 8, p=row) for row in shares])
        found = best_send_hours(np.repeat(np.arange(3000), 8), opens(when))
        assert found.strength == pytest.approx(5, rel=0.1)

    def test_where_customers_are_alike_all_get_one_hour(self):
        rng = np.random.default_rng(3)
        when = rng.choice([9, 10, 19], 5000, p=[0.5, 0.2, 0.3])
        found = best_send_hours(np.repeat(np.arange(1000), 5), opens(when))
        assert found.strength > 100
        assert set(found.hour.tolist()) == {9}

    def test_hours_go_around_the_clock_and_keep_to_those_allowed(self):
        assert best_send_hours(["a"] * 3, opens([23, 0, 1]), earliest=0, latest=23).base_hour == 0
        assert best_send_hours(["a"] * 5, opens([3] * 5)).base_hour == 8
        assert best_send_hours(["a"] * 5, opens([21] * 5)).base_hour == 20

    def test_round_trip(self):
        found = best_send_hours(["a", "b"], opens([9, 12]))
        assert SendHours.from_json(found.to_json()) == found
        assert list(found.to_frame().columns) == ["customer", "hour", "share", "n_opens"]
        with pytest.raises(InputError, match="customer"):
            found.of([1])

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("customer", ["b", "a"]),
            ("customer", ["a", "a"]),
            ("hour", [9, 24]),
            ("base_hour", 24),
            ("share", [0.5, 1.5]),
            ("base_share", [-1 / 24] * 24),
        ],
    )
    def test_values_that_no_log_gives(self, name, wrong):
        """Of unsorted customers, `of` would give the hours of others."""
        values = {"customer": ["a", "b"], "hour": [9, 10], "share": [0.5, 0.5], "n_opens": [3, 4]}
        values |= {"base_hour": 9, "base_share": [1 / 24] * 24, "strength": 5.0}
        assert SendHours(**values).of(["b", "a"]).tolist() == [10, 9]
        with pytest.raises(InputError) as caught:
            SendHours(**{**values, name: wrong})
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("name", "wrong"), [("earliest", 21), ("latest", 24), ("customer", []), ("customer", [None])]
    )
    def test_rejections(self, name, wrong):
        given = {"customer": ["a"], "time": opens([9]), name: wrong}
        given["time"] = opens([9] * len(given["customer"]))
        with pytest.raises(InputError) as caught:
            best_send_hours(**given)
        assert caught.value.name in {name, "latest"}


BASE = {
    "customer": [1, 2],
    "dates": {"birthday": ["1990-06-07"] * 2, "last_purchase": ["2023-08-31"] * 2},
    "consent": {"email": [True, True]},
}


class TestEqualHours:
    """Of equal hours the earliest is taken, although sums of shares are rounded."""

    def test_the_earlier_of_two(self):
        opens = [f"2024-05-31T{hour}:00" for hour in (9, 13, 15, 16, 16, 17, 17, 18, 19, 20)]
        opens = [time.replace("T9", "T09") for time in opens]
        found = best_send_hours(["ann"] * 10, opens)
        assert (found.of(["ann"])[0], found.base_hour) == (16, 16)


class TestBestInJourneys:
    """`send_hour="best"` sends at the hour of each customer."""

    @pytest.mark.parametrize("journey", [BirthdayJourney("b", send_hour="best"), Cascade(send_hour="best")])
    def test_each_customer_at_their_hour(self, journey):
        made = plan([journey], Customers(**BASE, send_hour=[8, 23]), None, None, Policy(), "2024-05-31")
        assert made.send_time.astype(str).tolist() == ["2024-05-31T08:00:00", "2024-05-31T23:00:00"]
        quiet = Policy(quiet_hours=(22, 7))
        held = plan([journey], Customers(**BASE, send_hour=[8, 23]), None, None, quiet, "2024-05-31")
        assert held.send_time.astype(str).tolist() == ["2024-05-31T08:00:00", "2024-06-01T07:00:00"]
        assert type(journey).from_json(journey.to_json()) == journey
        with pytest.raises(InputError, match="send_hour"):
            plan([journey], Customers(**BASE), None, None, Policy(), "2024-05-31")

    @pytest.mark.parametrize("wrong", [[8], [8, 24], [8, 8.5], [8, None]])
    def test_rejections(self, wrong):
        with pytest.raises(InputError) as caught:
            Customers(**BASE, send_hour=wrong)
        assert caught.value.name == "send_hour"
        with pytest.raises(InputError, match="best"):
            BirthdayJourney("b", send_hour="noon")


def test_large_whole_numbers_stay_identifiers_in_json():
    """Numpy makes floats of whole numbers of which some are above 2**63."""
    found = best_send_hours([2, 2**63], ["2024-01-01T09:00", "2024-01-01T10:00"])
    read = SendHours.from_json(found.to_json())
    assert read.customer.tolist() == [2, 2**63]
    assert read.customer.dtype == found.customer.dtype
