"""Valid calls of crmvalue.journey_map."""

from __future__ import annotations

from crmvalue import journey_map
from tests.calls import Call

STAGES = [journey_map.Stage("search"), journey_map.Stage("order")]
CURRENT = journey_map.JourneyMap(persona="Student", type="current state", stages=STAGES)
FUTURE = journey_map.JourneyMap(persona="Student", type="future state", stages=STAGES)

CALLS = [
    Call(journey_map.lint, {"maps": CURRENT, "as_of": "2024-06-30"}, {"as_of": "2024-06-31"}),
    Call(journey_map.compare_maps, {"current": CURRENT, "future": FUTURE}),
]
