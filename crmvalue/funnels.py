"""Funnels: at which stage prospects are lost, how certain that is, and which prospects are still on the way.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
the stages of a funnel, your own or ready ones              :class:`Funnel`, :data:`AIDA`, :data:`SALES`, :data:`B2B`,
                                                            :data:`TOP_MIDDLE_BOTTOM`, :data:`MQL_SQL`,
                                                            :func:`sales_funnel`
signals of each stage, with the next action                 :data:`STAGE_CRITERIA`, :class:`StageCriteria`
conversion from counts, and the weakest step                :func:`funnel_conversion`
steps that too few prospects pass                           :func:`step_alarms`
conversion from a log of events, by group                   :func:`funnel_from_events`
how long prospects stay at each stage                       :func:`time_in_stage`
what the open deals will bring                              :func:`forecast_pipeline`, :class:`PipelineForecast`
the same in money, margin and number of deals               :func:`forecast_sales`
probability of a deal by its stage                          :func:`stage_probabilities`
revenue that a pipeline brings per day                      :func:`pipeline_velocity`
whether past forecasts were right                           :func:`forecast_calibration`
points for attributes and events of a prospect              :class:`LeadScore`, :class:`FitRule`, :class:`Signal`,
                                                            :class:`Grade`
points learned from past deals                              :func:`fit_lead_score`
tasks that follow an event, in business hours too           :class:`FollowUpRule`, :func:`follow_up_tasks`,
                                                            :func:`follow_up_due`,
                                                            :class:`~crmvalue.metrics.BusinessHours`
==========================================================  ===========================================================

A prospect who may still convert is open, never lost. Step conversion is the share of the prospects at a stage who reach
the next stage. Overall conversion is the share of the prospects at the first stage who reach the last.
"""

from __future__ import annotations

from crmvalue._core.clock.business_hours import BusinessHours
from crmvalue._funnels.counts import (
    AIDA,
    B2B,
    MQL_SQL,
    SALES,
    TOP_MIDDLE_BOTTOM,
    Funnel,
    FunnelConversion,
    funnel_conversion,
)
from crmvalue._funnels.criteria import (
    STAGE_CRITERIA,
    StageCriteria,
    StageCriterion,
    StepAlarms,
    sales_funnel,
    step_alarms,
)
from crmvalue._funnels.events import EventFunnel, funnel_from_events
from crmvalue._funnels.leads.fit import LeadScoreFit, fit_lead_score
from crmvalue._funnels.leads.follow_up import FollowUpRule, FollowUpTasks, follow_up_due, follow_up_tasks
from crmvalue._funnels.leads.score import FitRule, Grade, LeadScore, LeadScores, ScoreItem, Signal
from crmvalue._funnels.pipeline.forecast import PipelineForecast, PipelineTable, forecast_pipeline
from crmvalue._funnels.pipeline.forecast_calibration import ForecastCalibration, forecast_calibration
from crmvalue._funnels.pipeline.sales import SalesForecast, forecast_sales
from crmvalue._funnels.pipeline.stage_probabilities import StageProbabilities, pipeline_velocity, stage_probabilities
from crmvalue._funnels.stage_times import StageTimes, time_in_stage

__all__ = [
    "AIDA",
    "B2B",
    "MQL_SQL",
    "SALES",
    "STAGE_CRITERIA",
    "TOP_MIDDLE_BOTTOM",
    "BusinessHours",
    "EventFunnel",
    "FitRule",
    "FollowUpRule",
    "FollowUpTasks",
    "ForecastCalibration",
    "Funnel",
    "FunnelConversion",
    "Grade",
    "LeadScore",
    "LeadScoreFit",
    "LeadScores",
    "PipelineForecast",
    "PipelineTable",
    "SalesForecast",
    "ScoreItem",
    "Signal",
    "StageCriteria",
    "StageCriterion",
    "StageProbabilities",
    "StageTimes",
    "StepAlarms",
    "fit_lead_score",
    "follow_up_due",
    "follow_up_tasks",
    "forecast_calibration",
    "forecast_pipeline",
    "forecast_sales",
    "funnel_conversion",
    "funnel_from_events",
    "pipeline_velocity",
    "sales_funnel",
    "stage_probabilities",
    "step_alarms",
    "time_in_stage",
]
