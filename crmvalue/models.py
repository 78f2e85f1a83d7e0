"""Probability models: who is still a customer, how often they will buy, what they will spend, what they are worth.

The parameters are the model: a frozen value that predicts, whether the parameters were fitted or published.
`fit_...` returns a frozen :class:`Fit` with the model, its likelihood and a diagnosis in words.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
repeat purchases without contract, continuous time          :class:`BgNbd`, :class:`MbgNbd`, :class:`ParetoNbd`
the same, where nobody can be shown to have left            :class:`Nbd`
the same, where customers leave faster as they age          :class:`GgompertzNbd`
the same, where those who buy often leave earlier or later  :class:`CorrelatedParetoNbd`
the same, for customers who buy regularly                   :class:`MbgCnbd`, :class:`BgCnbd`
the same, with known traits of customers                    `purchase_covariates` of the fits, :class:`CovariateEffect`
the same, with traits that change from week to week         :class:`TimeVaryingParetoNbd` with
                                                            :class:`TimeVaryingHistory`
the same, for purchases that have a season                  :func:`fit_calendar`, :class:`Calendar`,
                                                            :class:`SeasonalModel`
purchases at fixed opportunities (yearly gifts, events)     :class:`BgBb` with :class:`OpportunityHistory`
contracts with renewals                                     :class:`ShiftedBetaGeometric`,
                                                            :class:`BetaDiscreteWeibull` with :class:`ContractHistory`
tables of counts in place of single customers               :func:`fit_table` with :class:`CountHistogram` or
                                                            :class:`BinnedHistory`, :func:`expected_histogram`
money of one purchase, from means                           :class:`GammaGamma`
the same, from single amounts; for wholesalers              :class:`LognormalSpend`, :class:`Gb2Spend`
a table of all customers with their lifetime value          :func:`customer_values`, with :class:`ValueIntervals`
who costs more than they bring                              :meth:`CustomerValues.profits`
what the customers of today will bring, month by month      :func:`revenue_plan`
uncertainty of the parameters                               :func:`draw_posterior`, :class:`Posterior`
the model for a log, chosen on its last quarter             :func:`choose_model`, :class:`ModelChoice`
the best of several models on a holdout                     :func:`compare_models`, :func:`holdout_error`,
                                                            :func:`proper_scores`
the same from several days of one log                       :func:`rolling_holdout`, :class:`RollingHoldout`
several models at once, weighted by a holdout               :func:`fit_ensemble`, :class:`Ensemble`
whether more parameters are worth it                        :func:`likelihood_ratio_test`
whether a model fits, and whether spend is independent      :func:`calibration_by_frequency`, :func:`purchase_tracking`,
                                                            :func:`spend_independence`,
                                                            :func:`probability_integral_transform`
==========================================================  ===========================================================

Histories come from :mod:`crmvalue.purchases`; values of averages, without any model, from :mod:`crmvalue.ltv`.
"""

from __future__ import annotations

from crmvalue._models.aging.ggompertz_nbd import GgompertzNbd, fit_ggompertz_nbd
from crmvalue._models.changing.time_varying_history import TimeVaryingHistory
from crmvalue._models.changing.time_varying_pareto_nbd import TimeVaryingParetoNbd, fit_time_varying_pareto_nbd
from crmvalue._models.contracts.beta_discrete_weibull import BetaDiscreteWeibull, fit_beta_discrete_weibull
from crmvalue._models.contracts.histories import ContractHistory
from crmvalue._models.contracts.shifted_beta_geometric import ShiftedBetaGeometric, fit_shifted_beta_geometric
from crmvalue._models.correlated.correlated_pareto_nbd import CorrelatedParetoNbd, fit_correlated_pareto_nbd
from crmvalue._models.regular.bg_cnbd import BgCnbd, MbgCnbd, fit_bg_cnbd, fit_mbg_cnbd
from crmvalue._models.repeat.bg_bb import BgBb, fit_bg_bb
from crmvalue._models.repeat.bg_nbd import BgNbd, fit_bg_nbd
from crmvalue._models.repeat.mbg_nbd import MbgNbd, fit_mbg_nbd
from crmvalue._models.repeat.nbd import Nbd, fit_nbd
from crmvalue._models.repeat.opportunities import OpportunityHistory
from crmvalue._models.repeat.pareto_nbd import ParetoNbd, fit_pareto_nbd
from crmvalue._models.seasons.calendar import Calendar, DayEffect
from crmvalue._models.seasons.calendar_fit import fit_calendar
from crmvalue._models.seasons.seasonal_fit import SeasonalFit
from crmvalue._models.seasons.seasonal_model import SeasonalModel
from crmvalue._models.shared.covariates import CovariateEffect
from crmvalue._models.shared.fit import Diagnosis, Fit, LikelihoodRatioTest, likelihood_ratio_test
from crmvalue._models.spend.gamma_gamma import GammaGamma, fit_gamma_gamma
from crmvalue._models.spend.gb2 import Gb2Spend, fit_gb2_spend
from crmvalue._models.spend.lognormal import LognormalSpend, fit_lognormal_spend
from crmvalue._models.tables.binned_history import BinnedHistory
from crmvalue._models.tables.count_histogram import CountHistogram
from crmvalue._models.tables.table_fit import expected_histogram, fit_table
from crmvalue._models.validation.calibration import (
    FrequencyCalibration,
    PurchaseTracking,
    SpendIndependence,
    calibration_by_frequency,
    purchase_tracking,
    spend_independence,
)
from crmvalue._models.validation.choice import ModelChoice, choose_model
from crmvalue._models.validation.comparison import HoldoutError, ModelScore, compare_models, holdout_error
from crmvalue._models.validation.ensemble import Ensemble, fit_ensemble
from crmvalue._models.validation.proper_scores import ProperScores, proper_scores
from crmvalue._models.validation.rolling import RollingHoldout, rolling_holdout
from crmvalue._models.validation.transform import ProbabilityIntegralTransform, probability_integral_transform
from crmvalue._models.values.customer_values import CustomerValues, customer_values
from crmvalue._models.values.posterior import Posterior, draw_posterior
from crmvalue._models.values.revenue_plan import RevenuePlan, revenue_plan
from crmvalue._models.values.value_intervals import ValueIntervals

__all__ = [
    "BetaDiscreteWeibull",
    "BgBb",
    "BgCnbd",
    "BgNbd",
    "BinnedHistory",
    "Calendar",
    "ContractHistory",
    "CorrelatedParetoNbd",
    "CountHistogram",
    "CovariateEffect",
    "CustomerValues",
    "DayEffect",
    "Diagnosis",
    "Ensemble",
    "Fit",
    "FrequencyCalibration",
    "GammaGamma",
    "Gb2Spend",
    "GgompertzNbd",
    "HoldoutError",
    "LikelihoodRatioTest",
    "LognormalSpend",
    "MbgCnbd",
    "MbgNbd",
    "ModelChoice",
    "ModelScore",
    "Nbd",
    "OpportunityHistory",
    "ParetoNbd",
    "Posterior",
    "ProbabilityIntegralTransform",
    "ProperScores",
    "PurchaseTracking",
    "RevenuePlan",
    "RollingHoldout",
    "SeasonalFit",
    "SeasonalModel",
    "ShiftedBetaGeometric",
    "SpendIndependence",
    "TimeVaryingHistory",
    "TimeVaryingParetoNbd",
    "ValueIntervals",
    "calibration_by_frequency",
    "choose_model",
    "compare_models",
    "customer_values",
    "draw_posterior",
    "expected_histogram",
    "fit_beta_discrete_weibull",
    "fit_bg_bb",
    "fit_bg_cnbd",
    "fit_bg_nbd",
    "fit_calendar",
    "fit_correlated_pareto_nbd",
    "fit_ensemble",
    "fit_gamma_gamma",
    "fit_gb2_spend",
    "fit_ggompertz_nbd",
    "fit_lognormal_spend",
    "fit_mbg_cnbd",
    "fit_mbg_nbd",
    "fit_nbd",
    "fit_pareto_nbd",
    "fit_shifted_beta_geometric",
    "fit_table",
    "fit_time_varying_pareto_nbd",
    "holdout_error",
    "likelihood_ratio_test",
    "probability_integral_transform",
    "proper_scores",
    "purchase_tracking",
    "revenue_plan",
    "rolling_holdout",
    "spend_independence",
]
