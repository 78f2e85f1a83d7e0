"""Valid calls of crmvalue.plots."""

from __future__ import annotations

from crmvalue import attribution, journeys, ltv, models, plots, segmentation
from tests.calls import Call, Later

__all__ = ["CALLS"]

MODEL = models.BgNbd(0.243, 4.414, 0.793, 2.426, "week")
PATHS = attribution.Paths.from_lists([["search"], ["mail"], ["search", "mail"]], [2, 1, 3])

CALLS = [
    Call(
        plots.customer_history,
        {
            "dates": ["2024-01-08", "2024-02-05"],
            "model": MODEL,
            "as_of": "2024-04-01",
            "horizon": 52.0,
            "act_below": 0.5,
        },
        {"dates": "2024-02-30", "as_of": "2024-01-07", "horizon": 0.0, "act_below": 1.5},
    ),
    Call(
        plots.value_matrix,
        {"model": MODEL, "age": 52.0, "horizon": 52.0, "margin": 10.0},
        {"age": 0.0, "horizon": -1.0, "margin": 0.0},
    ),
    Call(plots.purchase_rates, {"model": MODEL}),
    Call(plots.leaving_rates, {"model": MODEL}),
    Call(
        plots.segment_treemap,
        {"summary": Later(lambda: segmentation.summarise_segments(["a", "b", "a"], [1.0, 2.0, 3.0]))},
    ),
    Call(
        plots.cascade_timeline,
        {
            "cascade": journeys.Cascade(offers=["5 %", "7 %"], repeat_last=True),
            "last_purchase": "2024-01-31",
            "gain": Later(lambda: journeys.best_last_step([50, 400], [0.10, 0.07], [0.07, 0.05], [1, 2])),
        },
        {"last_purchase": "2024-02-30"},
    ),
    Call(
        plots.purchases_by_period,
        {
            "tracking": Later(
                lambda: models.purchase_tracking([1, 1, 2], ["2024-01-01", "2024-02-01", "2024-01-20"], MODEL)
            )
        },
    ),
    Call(
        plots.compare_attributions,
        {"attributions": Later(lambda: [attribution.attribute(PATHS, model=model) for model in ("first", "last")])},
    ),
    Call(
        plots.compare_ltv_to_cac,
        {"names": ["mail", "ads"], "ltv": [90.0, 40.0], "acquisition_cost": [20.0, 50.0]},
        {"ltv": -1.0, "acquisition_cost": -1.0},
    ),
    Call(
        plots.sensitivity,
        {"function": ltv.ltv_margin_churn, "inputs": {"arpu": 15, "margin": 0.6, "churn_rate": 0.04}, "change": 0.1},
        {"change": 1.0},
    ),
]
