"""Journey maps: what they take, what the linter names, what the future changes, and JSON."""

from __future__ import annotations

import calendar
import json
from collections import deque
from datetime import date

import attrs
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.journey_map import (
    Evidence,
    JourneyMap,
    JourneyMapDifference,
    Persona,
    Stage,
    Touchpoint,
    compare_maps,
    lint,
)

TYPES = ["current state", "day in the life", "future state", "service blueprint"]
AS_OF = "2024-06-30"
STUDENT = Persona("Student", who="20, buys gifts", needs=["delivery in time"])
B = attrs.evolve(STUDENT, name="B")


def stage(name="search", **changes):
    """Give a stage without any gap."""
    parts = {
        "touchpoints": [Touchpoint("product page", "website")],
        "emotion": 1,
        "kpis": ["visits"],
        "backstage": ["stock"],
        "goal": "to find it",
        "evidence": [Evidence("data", "clicks of May")],
        "barriers": ["slow"],
        "actions": ["a faster page"],
    }
    return Stage(name, **{**parts, **changes})


def journey(**changes):
    """Give a map without any gap; `first` changes its first stage."""
    first = changes.pop("first", {})
    n = changes.pop("n_stages", 5)
    stages = [stage(f"stage {i}", **(first if i == 0 else {})) for i in range(n)]
    whole = {
        "persona": STUDENT,
        "type": "current state",
        "goal": "a gift",
        "stages": stages,
        "reviewed_on": AS_OF,
        "teams": ["marketing", "service"],
    }
    return JourneyMap(**{**whole, **changes})


def rules(maps, as_of=AS_OF):
    return [(finding.rule, finding.stage) for finding in lint(maps, as_of=as_of)]


def six_months_later(day):
    """Add six months with Python's own calendar."""
    year, month = day.year + (day.month > 6), (day.month + 5) % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


class TestTouchpoint:
    """Where a customer meets the company: a name, and a channel if it is known."""

    def test_the_channel_may_be_left_out(self):
        assert Touchpoint("advert").channel == ""

    @pytest.mark.parametrize("wrong", ["", " ", "advert ", "\tadvert", None, 5, ["advert"]])
    def test_rejects_names(self, wrong):
        with pytest.raises(InputError) as caught:
            Touchpoint(wrong)
        assert (caught.value.name, caught.value.value) == ("name", wrong)

    @pytest.mark.parametrize("wrong", [" ", "e-mail ", None, 5, np.array(["", "web"])])
    def test_rejects_channels(self, wrong):
        with pytest.raises(InputError, match="`channel` must be"):
            Touchpoint("advert", wrong)


class TestStage:
    """All but the name may be filled in later; what is filled in is checked."""

    def test_a_name_is_enough(self):
        empty = Stage("search")
        assert empty.emotion is None
        assert (empty.touchpoints, empty.barriers, empty.kpis, empty.backstage, empty.channels) == ((),) * 5
        assert (empty.goal, empty.owner) == ("", "")

    @pytest.mark.parametrize("emotion", [-2, -1, 0, 0.5, 2, np.float64(-2), np.int8(2)])
    def test_emotion(self, emotion):
        made = Stage("search", emotion=emotion).emotion
        assert made == emotion
        assert type(made) is float

    def test_lists_become_tuples(self):
        barriers = ["slow"]
        made = Stage("search", barriers=barriers)
        barriers.append("dear")
        assert made.barriers == ("slow",)

    def test_channels_come_once_in_their_order(self):
        points = [
            Touchpoint("page", "web"),
            Touchpoint("letter", "post"),
            Touchpoint("cart", "web"),
            Touchpoint("talk"),
        ]
        assert Stage("search", touchpoints=points).channels == ("web", "post")

    @pytest.mark.parametrize(
        ("changes", "name", "index"),
        [
            ({"emotion": 3}, "emotion", None),
            ({"emotion": -2.01}, "emotion", None),
            ({"emotion": np.nan}, "emotion", None),
            ({"emotion": "1"}, "emotion", None),
            ({"emotion": True}, "emotion", None),
            ({"emotion": [1]}, "emotion", None),
            ({"touchpoints": "page"}, "touchpoints", None),
            ({"touchpoints": Touchpoint("page")}, "touchpoints", None),
            ({"touchpoints": [Touchpoint("page"), "advert"]}, "touchpoints", 1),
            ({"touchpoints": [Touchpoint("page"), Touchpoint("page")]}, "touchpoints", 1),
            ({"barriers": "slow"}, "barriers", None),
            ({"barriers": b""}, "barriers", None),
            ({"barriers": {"slow"}}, "barriers", None),
            ({"barriers": ["slow", 5]}, "barriers", 1),
            ({"barriers": ["slow", "dear", "slow"]}, "barriers", 2),
            ({"kpis": "visits"}, "kpis", None),
            ({"kpis": ["visits", " "]}, "kpis", 1),
            ({"kpis": None}, "kpis", None),
            ({"backstage": "stock"}, "backstage", None),
            ({"owner": " "}, "owner", None),
            ({"owner": None}, "owner", None),
            ({"goal": 5}, "goal", None),
            ({"name": ""}, "name", None),
        ],
    )
    def test_rejects(self, changes, name, index):
        with pytest.raises(InputError) as caught:
            Stage(**{"name": "search", **changes})
        assert (caught.value.name, caught.value.index) == (name, index)

    def test_the_same_touchpoint_in_two_channels_is_two(self):
        points = [Touchpoint("reminder", "e-mail"), Touchpoint("reminder", "SMS")]
        assert Stage("cart", touchpoints=points).touchpoints == tuple(points)


class TestJourneyMap:
    """A persona, one of four types, and stages of different names."""

    @pytest.mark.parametrize("kind", TYPES)
    def test_a_persona_and_a_type_are_enough(self, kind):
        empty = JourneyMap(persona="Student", type=kind)
        assert (empty.type, empty.stages, empty.reviewed_on, empty.goal) == (kind, (), None, "")

    @pytest.mark.parametrize("day", ["2024-02-29", date(2024, 2, 29), np.datetime64("2024-02-29T12:00")])
    def test_the_review_is_a_day(self, day):
        assert JourneyMap(persona="Student", type="current state", reviewed_on=day).reviewed_on == np.datetime64(
            "2024-02-29", "D"
        )

    @pytest.mark.parametrize(
        ("changes", "name", "index"),
        [
            ({"type": "current"}, "type", None),
            ({"type": "Current state"}, "type", None),
            ({"type": None}, "type", None),
            ({"type": ["current state"]}, "type", None),
            ({"persona": ""}, "persona", None),
            ({"persona": None}, "persona", None),
            ({"goal": None}, "goal", None),
            ({"stages": "search"}, "stages", None),
            ({"stages": ["search"]}, "stages", 0),
            ({"stages": Stage("search")}, "stages", None),
            ({"stages": [Stage("a"), Stage("b"), Stage("a", goal="other")]}, "stages", 2),
            ({"reviewed_on": "2024-02-30"}, "reviewed_on", None),
            ({"reviewed_on": "today"}, "reviewed_on", None),
            ({"reviewed_on": 20240229}, "reviewed_on", None),
            ({"reviewed_on": np.datetime64("NaT")}, "reviewed_on", None),
            ({"reviewed_on": ["2024-02-29"]}, "reviewed_on", None),
        ],
    )
    def test_rejects(self, changes, name, index):
        with pytest.raises(InputError) as caught:
            journey(**changes)
        assert (caught.value.name, caught.value.index) == (name, index)

    def test_maps_that_differ_in_the_review_alone_differ(self):
        assert journey() != journey(reviewed_on="2024-06-29")
        assert journey() != journey(reviewed_on=None)
        assert (journey() == journey(reviewed_on=date(2024, 6, 30))) is True


words = st.text(min_size=1, max_size=8).filter(lambda text: text == text.strip())
lists = st.lists(words, max_size=3, unique=True)
stages = st.builds(
    Stage,
    words,
    goal=words | st.just(""),
    touchpoints=st.lists(st.builds(Touchpoint, words, words | st.just("")), max_size=3, unique=True),
    emotion=st.none() | st.floats(-2, 2).filter(lambda x: x == 0 or abs(x) > 1e-9),
    triggers=lists,
    barriers=lists,
    actions=lists,
    evidence=st.lists(st.builds(Evidence, st.sampled_from(["interview", "data"]), words), max_size=2, unique=True),
    owner=words | st.just(""),
    kpis=lists,
    backstage=lists,
)
maps = st.builds(
    JourneyMap,
    persona=st.just("Student") | st.just(STUDENT),
    type=st.sampled_from(TYPES),
    goal=words | st.just(""),
    stages=st.lists(stages, max_size=4, unique_by=lambda stage: stage.name),
    reviewed_on=st.none() | st.dates(),
    teams=lists,
)


class TestJson:
    """A map is the same after JSON, and JSON that is no map is refused."""

    @given(maps)
    def test_round_trip(self, journey):
        assert JourneyMap.from_json(journey.to_json()) == journey

    def test_what_is_written(self):
        """The form is a promise: maps are kept for years."""
        point = {"kind": "Touchpoint", "name": "page", "channel": "web"}
        first = {
            "kind": "Stage",
            "name": "search",
            "goal": "",
            "touchpoints": [point],
            "emotion": -1.0,
            "barriers": ["slow"],
            "owner": "",
            "kpis": [],
            "backstage": [],
        }
        old = {
            "schema": 1,
            "kind": "JourneyMap",
            "persona": "Student",
            "type": "current state",
            "goal": "a gift",
            "stages": [first],
            "reviewed_on": "2024-06-30",
        }
        made = journey(
            persona="Student",
            stages=[Stage("search", touchpoints=[Touchpoint("page", "web")], emotion=-1, barriers=["slow"])],
            teams=[],
        )
        assert JourneyMap.from_json(json.dumps(old)) == made
        persona = {"kind": "Persona", "name": "Student", "who": "", "needs": [], "evidence": []}
        more = {name: [] for name in ("triggers", "drivers", "expectations", "actions", "evidence")}
        assert json.loads(made.to_json()) == {**old, "persona": persona, "stages": [{**first, **more}], "teams": []}

    def test_a_text_of_another_schema_is_named(self):
        with pytest.raises(InputError, match="schema 1; got 2"):
            JourneyMap.from_json(journey().to_json().replace('"schema": 1', '"schema": 2'))

    def test_what_has_a_default_may_be_left_out(self):
        text = (
            '{"persona": "Student", "type": "future state", "stages": [{"name": "a", "touchpoints": [{"name": "b"}]}]}'
        )
        assert JourneyMap.from_json(text) == JourneyMap(
            persona="Student", type="future state", stages=[Stage("a", touchpoints=[Touchpoint("b")])]
        )

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "null",
            "[]",
            "5",
            '"map"',
            "{}",
            '{"persona": "a"}',
            '{"type": "current state"}',
            '{"persona": 5, "type": "current state"}',
            '{"persona": "a", "type": "state"}',
            '{"persona": "a", "type": "current state", "colour": "red"}',
            '{"persona": "a", "type": "current state", "stages": ""}',
            '{"persona": "a", "type": "current state", "stages": {}}',
            '{"persona": "a", "type": "current state", "stages": null}',
            '{"persona": "a", "type": "current state", "stages": [5]}',
            '{"persona": "a", "type": "current state", "stages": ["b"]}',
            '{"persona": "a", "type": "current state", "stages": [{}]}',
            '{"persona": "a", "type": "current state", "stages": [{"name": "b"}, {"name": "b"}]}',
            '{"persona": "a", "type": "current state", "stages": [{"name": "b", "emotion": 3}]}',
            '{"persona": "a", "type": "current state", "stages": [{"name": "b", "emotion": NaN}]}',
            '{"persona": "a", "type": "current state", "stages": [{"name": "b", "emotion": true}]}',
            '{"persona": "a", "type": "current state", "stages": [{"name": "b", "kpis": "c"}]}',
            '{"persona": "a", "type": "current state", "stages": [{"name": "b", "touchpoints": ""}]}',
            '{"persona": "a", "type": "current state", "stages": [{"name": "b", "touchpoints": ["c"]}]}',
            '{"persona": "a", "type": "current state", "stages": [{"name": "b", "channels": ["c"]}]}',
            '{"persona": "a", "type": "current state", "reviewed_on": "June"}',
            '{"persona": "a", "type": "current state", "reviewed_on": 5}',
            "[" * 100_000,
            None,
            5,
        ],
    )
    def test_rejects(self, text):
        with pytest.raises(InputError) as caught:
            JourneyMap.from_json(text)
        assert caught.value.name == "text"


class TestThePersonaAndTheEvidence:
    @pytest.mark.parametrize("kind", [list, tuple, deque])
    def test_any_sequence_is_taken(self, kind):
        assert Persona("a", needs=kind(["time", "rest"])).needs == ("time", "rest")

    """Values of their own; a text stands for a persona of whom only the name is known."""

    def test_a_text_is_a_name(self):
        assert journey(persona="Student").persona == Persona("Student")
        assert JourneyMap.from_json(journey().to_json()) == journey()

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Persona(""),
            lambda: Persona("a", needs="b"),
            lambda: Persona("a", evidence=["b"]),
            lambda: Evidence("rumour", "b"),
            lambda: Evidence("data", ""),
            lambda: journey(persona=5),
            lambda: journey(teams="marketing"),
            lambda: Stage("a", evidence=["b"]),
        ],
    )
    def test_rejections(self, make):
        with pytest.raises(InputError):
            make()

    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            ({"goal": ""}, "goal"),
            ({"persona": "Everybody"}, "persona"),
            ({"n_stages": 3}, "stages"),
            ({"reviewed_on": "2023-01-01"}, "review"),
            ({"stages": [stage(str(k), barriers=[]) for k in range(5)]}, "positives"),
            ({"stages": [stage(str(k), actions=[], barriers=[]) for k in range(5)]}, "action"),
            ({"teams": ["marketing"]}, "teams"),
            ({"teams": ["marketing", "Marketing"]}, "teams"),
            ({"first": {"goal": ""}}, "stage goal"),
            ({"first": {"evidence": []}}, "evidence"),
            ({"first": {"kpis": []}}, "kpi"),
        ],
    )
    def test_the_ten_mistakes(self, changes, rule):
        """A map without a mistake has no finding; each mistake alone has its own."""
        assert rules(journey()) == []
        found = [name for name, _ in rules(journey(**changes))]
        assert rule in found
        assert set(found) <= {rule, "positives"}


class TestLint:
    """Names what is missing.

    5 to 10 stages; every stage with touchpoint, emotion, KPI; negative moments marked and owned; reviewed within six
    months; current and future state both present.
    """

    @pytest.mark.parametrize(
        ("known", "message"),
        [
            ({}, "Nothing says who the persona is and what it needs."),
            ({"who": "20, buys gifts"}, "Nothing says what it needs."),
            ({"needs": ["time"]}, "Nothing says who the persona is."),
        ],
    )
    def test_only_what_is_missing_is_named(self, known, message):
        found = lint(journey(persona=Persona("Student", **known)), as_of=AS_OF)
        assert [finding.message for finding in found] == [message]

    @pytest.mark.parametrize("kind", TYPES)
    def test_a_whole_map_has_no_gap(self, kind):
        assert lint(journey(type=kind), as_of=AS_OF) == ()

    @pytest.mark.parametrize(("n", "broken"), [(0, 1), (1, 1), (4, 1), (5, 0), (7, 0), (10, 0), (11, 1)])
    def test_number_of_stages(self, n, broken):
        found = lint(journey(n_stages=n), as_of=AS_OF)
        assert [finding.rule for finding in found] == ["stages"] * broken
        assert all(f"has {n} stage{'' if n == 1 else 's'}," in finding.message for finding in found)

    def test_too_few_and_too_many_are_told_apart(self):
        few, many = (lint(journey(n_stages=n), as_of=AS_OF)[0].action for n in (4, 11))
        assert few.startswith("Add")
        assert many.startswith("Join")

    @pytest.mark.parametrize(
        ("first", "expected"),
        [
            ({"touchpoints": []}, ["touchpoint"]),
            ({"touchpoints": [Touchpoint("page", "web"), Touchpoint("talk")]}, ["channel"]),
            ({"emotion": None}, ["emotion"]),
            ({"emotion": 0}, []),
            ({"kpis": []}, ["kpi"]),
            ({"emotion": -0.1, "barriers": []}, ["barrier", "owner"]),
            ({"emotion": -2, "barriers": ["slow"]}, ["owner"]),
            ({"emotion": -2, "owner": "shop", "barriers": []}, ["barrier"]),
            ({"emotion": -2, "owner": "shop", "barriers": ["slow"]}, []),
            ({"emotion": 2, "barriers": ["slow"]}, []),
            ({"backstage": []}, []),
            ({"goal": ""}, ["stage goal"]),
            ({"evidence": []}, ["evidence"]),
            ({"actions": []}, ["action"]),
            ({"actions": [], "barriers": []}, []),
        ],
    )
    def test_stages(self, first, expected):
        assert rules(journey(first=first)) == [(rule, "stage 0") for rule in expected]

    def test_an_empty_stage_has_every_gap_that_is_not_of_negative_moments(self):
        made = journey(type="service blueprint", stages=[Stage("empty"), *journey().stages])
        assert [rule for rule, _ in rules(made)] == [
            "touchpoint",
            "emotion",
            "kpi",
            "stage goal",
            "evidence",
            "backstage",
        ]

    @pytest.mark.parametrize("kind", TYPES)
    def test_only_a_service_blueprint_needs_a_backstage(self, kind):
        expected = [("backstage", "stage 0")] if kind == "service blueprint" else []
        assert rules(journey(type=kind, first={"backstage": []})) == expected

    def test_goal(self):
        assert rules(journey(goal="")) == [("goal", None)]

    @pytest.mark.parametrize(
        ("reviewed_on", "last_good", "first_bad"),
        [
            ("2024-01-15", "2024-07-15", "2024-07-16"),
            ("2023-08-31", "2024-02-29", "2024-03-01"),  # clamped, leap year
            ("2022-08-31", "2023-02-28", "2023-03-01"),  # clamped, common year
            ("2024-03-31", "2024-09-30", "2024-10-01"),
            ("2024-02-29", "2024-08-29", "2024-08-30"),  # not the end of August
            ("2023-12-31", "2024-06-30", "2024-07-01"),
        ],
    )
    def test_six_calendar_months(self, reviewed_on, last_good, first_bad):
        assert rules(journey(reviewed_on=reviewed_on), as_of=last_good) == []
        (finding,) = lint(journey(reviewed_on=reviewed_on), as_of=first_bad)
        assert (finding.rule, finding.stage) == ("review", None)
        assert finding.message == f"The review of {reviewed_on} was good until {last_good}."

    @given(st.dates(date(1900, 1, 1), date(2100, 12, 31)), st.integers(-3, 190))
    @example(date(2023, 8, 31), 182)
    @example(date(2023, 8, 31), 183)
    def test_the_review_holds_from_its_day_for_six_months(self, reviewed_on, days):
        as_of = date.fromordinal(reviewed_on.toordinal() + days)
        holds = reviewed_on <= as_of <= six_months_later(reviewed_on)
        assert rules(journey(reviewed_on=reviewed_on), as_of=as_of) == ([] if holds else [("review", None)])

    def test_a_review_to_come_and_no_review_at_all(self):
        assert rules(journey(reviewed_on="2024-07-01")) == [("review", None)]
        (finding,) = lint(journey(reviewed_on=None), as_of=AS_OF)
        assert (finding.rule, finding.message) == ("review", "The map was never reviewed.")
        assert lint(journey(reviewed_on="9999-12-31"), as_of="9999-12-31") == ()

    @pytest.mark.parametrize(
        ("kinds", "missing"),
        [
            (["current state", "future state"], []),
            (["future state", "service blueprint", "current state"], []),
            (["current state"], ["future state"]),
            (["future state"], ["current state"]),
            (["day in the life", "service blueprint"], ["current state", "future state"]),
        ],
    )
    def test_both_states_of_a_set(self, kinds, missing):
        found = lint([journey(type=kind) for kind in kinds], as_of=AS_OF)
        assert [(finding.rule, finding.persona, finding.type) for finding in found] == [
            ("states", "Student", kind) for kind in missing
        ]

    def test_one_map_alone_is_no_set(self):
        assert rules(journey()) == []
        assert rules([journey()]) == [("states", None)]

    def test_each_persona_needs_both(self):
        several = (journey(persona=B, type="future state"), journey(), journey(persona=B))
        found = lint(several, as_of=AS_OF)
        assert [(finding.persona, finding.type) for finding in found] == [("Student", "future state")]

    def test_findings_say_which_map(self):
        several = [journey(type="future state", goal=""), journey(first={"kpis": []})]
        found = lint(several, as_of=AS_OF)
        assert [(finding.type, finding.rule, finding.stage) for finding in found] == [
            ("future state", "goal", None),
            ("current state", "kpi", "stage 0"),
        ]
        assert str(found[0]) == "Student, future state: The map has no goal. Say what the persona wants in the end."
        assert str(found[1]).startswith("Student, current state, stage 0: The stage has no KPI. Name")

    @given(maps, st.dates())
    def test_findings_are_those_of_the_rules(self, journey, as_of):
        """The rules once more, each as one count over the stages."""
        negative = [stage for stage in journey.stages if stage.emotion is not None and stage.emotion < 0]
        expected = {
            "goal": journey.goal == "",
            "stages": len(journey.stages) not in range(5, 11),
            "touchpoint": sum(stage.touchpoints == () for stage in journey.stages),
            "channel": sum("" in [point.channel for point in stage.touchpoints] for stage in journey.stages),
            "emotion": sum(stage.emotion is None for stage in journey.stages),
            "kpi": sum(stage.kpis == () for stage in journey.stages),
            "stage goal": sum(stage.goal == "" for stage in journey.stages),
            "evidence": sum(stage.evidence == () for stage in journey.stages),
            "persona": journey.persona.who == "" or journey.persona.needs == (),
            "teams": len(journey.teams) < 2,
            "positives": journey.stages != () and not negative and {stage.barriers for stage in journey.stages} == {()},
            "action": (journey.stages != () and {stage.actions for stage in journey.stages} == {()})
            + sum(stage.barriers != () and stage.actions == () for stage in journey.stages),
            "barrier": sum(stage.barriers == () for stage in negative),
            "owner": sum(stage.owner == "" for stage in negative),
            "backstage": journey.type == "service blueprint" and sum(stage.backstage == () for stage in journey.stages),
        }
        found = [rule for rule, _ in rules(journey, as_of) if rule != "review"]
        assert {rule: found.count(rule) for rule in expected} == expected
        assert set(found) <= set(expected)

    @pytest.mark.parametrize(
        ("wrong", "index"),
        [
            ([], None),
            ("map", None),
            (None, None),
            ({}, None),
            ([journey(), "map"], 1),
            ([journey(), journey(goal="other")], 1),
        ],
    )
    def test_rejects(self, wrong, index):
        with pytest.raises(InputError) as caught:
            lint(wrong, as_of=AS_OF)
        assert (caught.value.name, caught.value.index) == ("maps", index)


class TestCompareMaps:
    """Stages added, removed and kept; at each that is kept the change of emotion and of its parts."""

    def test_known(self):
        now = journey(
            stages=[
                Stage("queue", emotion=-2),
                Stage(
                    "order",
                    touchpoints=[Touchpoint("counter", "shop"), Touchpoint("call", "phone")],
                    emotion=-1,
                    barriers=["few tills", "no card"],
                    kpis=["minutes"],
                ),
                Stage("thanks", emotion=1),
            ]
        )
        then = journey(
            type="future state",
            stages=[
                Stage("advice"),
                Stage("thanks"),
                Stage(
                    "order",
                    touchpoints=[
                        Touchpoint("cart", "app"),
                        Touchpoint("counter", "shop"),
                        Touchpoint("pick-up", "shop"),
                    ],
                    emotion=1.5,
                    barriers=["no card"],
                    kpis=["minutes", "CES"],
                    backstage=["stock"],
                ),
            ],
        )
        difference = compare_maps(now, then)
        assert (difference.added, difference.removed) == (("advice",), ("queue",))
        thanks, order = difference.kept
        assert (thanks.after.name, thanks.before.emotion, thanks.emotion_change) == ("thanks", 1, None)
        assert order.emotion_change == 2.5
        assert order.added("touchpoints") == (Touchpoint("cart", "app"), Touchpoint("pick-up", "shop"))
        assert order.removed("touchpoints") == (Touchpoint("call", "phone"),)
        assert (order.added("channels"), order.removed("channels")) == (("app",), ("phone",))
        assert (order.added("barriers"), order.removed("barriers")) == ((), ("few tills",))
        assert (order.added("kpis"), order.removed("kpis")) == (("CES",), ())
        assert (order.added("backstage"), order.removed("backstage")) == (("stock",), ())

    def test_a_channel_stays_while_one_touchpoint_uses_it(self):
        now = journey(stages=[Stage("order", touchpoints=[Touchpoint("counter", "shop")])])
        then = journey(type="future state", stages=[Stage("order", touchpoints=[Touchpoint("pick-up", "shop")])])
        (order,) = compare_maps(now, then).kept
        assert len(order.added("touchpoints")) == len(order.removed("touchpoints")) == 1
        assert order.added("channels") == order.removed("channels") == ()

    @given(maps, maps)
    def test_parts_are_conserved(self, now, then):
        """What was, less what is gone, plus what is new, is what will be."""
        now, then = attrs.evolve(now, type="current state"), attrs.evolve(then, type="future state")
        difference = compare_maps(now, then)
        before, after = ({stage.name for stage in journey.stages} for journey in (now, then))
        assert (before - {*difference.removed}) | {*difference.added} == after
        assert {kept.before.name for kept in difference.kept} == before & after
        for kept in difference.kept:
            assert kept.before.name == kept.after.name
            for part in ("touchpoints", "channels", "barriers", "kpis", "backstage"):
                was, will_be = ({*getattr(stage, part)} for stage in (kept.before, kept.after))
                gone, new = {*kept.removed(part)}, {*kept.added(part)}
                assert gone <= was
                assert not new & was
                assert (was - gone) | new == will_be

    @given(maps)
    def test_nothing_changes_if_nothing_changed(self, now):
        now = attrs.evolve(now, type="current state")
        difference = compare_maps(now, attrs.evolve(now, type="future state"))
        assert difference.added == difference.removed == ()
        assert [kept.before for kept in difference.kept] == list(now.stages)
        assert all(kept.before == kept.after and kept.emotion_change in (0, None) for kept in difference.kept)

    def test_nothing_to_compare(self):
        found = compare_maps(journey(stages=[]), journey(type="future state", stages=[]))
        assert found == JourneyMapDifference(added=(), removed=(), kept=())

    @pytest.mark.parametrize(
        ("current", "future", "name"),
        [
            (journey(type="future state"), journey(), "current"),  # the wrong way round
            (journey(), journey(), "future"),
            (journey(type="day in the life"), journey(type="future state"), "current"),
            (journey(), journey(type="service blueprint"), "future"),
            (journey(), journey(type="future state", persona="Parent"), "future"),
            ("map", journey(type="future state"), "current"),
            (journey(), None, "future"),
        ],
    )
    def test_rejects(self, current, future, name):
        with pytest.raises(InputError) as caught:
            compare_maps(current, future)
        assert caught.value.name == name

    @pytest.mark.parametrize("part", ["emotion", "owner", "kpi", "", None, ["kpis"]])
    def test_rejects_parts(self, part):
        (kept, *_) = compare_maps(journey(), journey(type="future state")).kept
        for ask in (kept.added, kept.removed):
            with pytest.raises(InputError, match="`part` must be one of 'touchpoints'"):
                ask(part)
