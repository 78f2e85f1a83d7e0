"""How good the foretold distribution of purchases is: proper scores, and whether intervals hold what they promise.

A mean error is smallest for the median of a distribution, which is 0 for most customers; "nobody buys" does well by it.
A proper score is best, on average, for the true distribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_fraction
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import number_field
from crmvalue._models.changing.known_customers import as_model_of, refuse_unused
from crmvalue._models.shared.common import check_history
from crmvalue._models.validation.predictive import Foretold, foretell
from crmvalue.errors import InputError
from crmvalue.purchases import PurchaseSplit

if TYPE_CHECKING:
    from crmvalue._models.changing.time_varying_history import TimeVaryingHistory
    from crmvalue._models.changing.time_varying_pareto_nbd import TimeVaryingParetoNbd
    from crmvalue._models.shared.fit import Fit
    from crmvalue._models.shared.purchase_model import ContinuousModel
    from crmvalue.typing import ArrayLike

__all__ = ["LEVEL", "ProperScores", "check_split", "proper_scores", "scores_of"]

LEVEL = 0.9


@attrs.frozen(kw_only=True)
class ProperScores:
    """How good a foretold distribution of purchases was, over all customers of the calibration.

    Parameters
    ----------
    log_score : float
        Mean of -log P(X = x) over the customers [nats], >= 0, where x is what the customer bought in the holdout; lower
        is better. Infinite if something happened that had the probability 0 (or below 1e-300).
    crps : float
        Continuous ranked probability score, for counts: mean over the customers of the sum over n = 0, 1, ... of
        (P(X <= n) - 1{x <= n})^2 [purchases], >= 0; lower is better. For a forecast without chance it is the mean
        absolute error.
    coverage : float
        Share of the customers who are in the central interval of `level`, in [0, 1]; it should be `level`. Counts are
        whole, so a customer may be in it in part: by the share of the range from P(X < x) to P(X <= x) that is
        between (1 - level) / 2 and (1 + level) / 2. For the true distribution the mean of this is `level`.
    level : float
        Level of the interval, in (0, 1).

    Examples
    --------
    >>> ProperScores(log_score=0.9, crps=0.5, coverage=0.92, level=0.9).crps
    0.5
    """

    log_score: float = number_field("log_score", low=0.0, infinite=True)
    crps: float = number_field("crps", low=0.0)
    coverage: float = number_field("coverage", low=0.0, high=1.0)
    level: float = number_field("level", low=0.0, high=1.0, default=LEVEL)

    def to_json(self) -> str:
        """Write the scores as JSON text; :meth:`from_json` reads it back."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> ProperScores:
        """Read the scores that :meth:`to_json` wrote; other text is an InputError.

        Examples
        --------
        >>> scores = ProperScores(log_score=float("inf"), crps=0.5, coverage=0.92, level=0.9)
        >>> ProperScores.from_json(scores.to_json()) == scores
        True
        """
        return from_json(cls, text)


def proper_scores(
    split: PurchaseSplit,
    model: ContinuousModel | TimeVaryingParetoNbd | Fit[Any],
    *,
    level: ArrayLike = LEVEL,
    time_varying: TimeVaryingHistory | None = None,
) -> ProperScores:
    """Score the distribution of purchases that a model foretells against the holdout.

    Parameters
    ----------
    split : PurchaseSplit
        Calibration and holdout.
    model : purchase model or Fit
        Purchase model in the time unit of the split, or the fit of one.
    level : float, optional
        Level of the central interval whose coverage is measured, in (0, 1).
    time_varying : TimeVaryingHistory, optional
        Only for a fit of :class:`TimeVaryingParetoNbd`: the customers of the calibration, in the same order, with their
        covariates up to the end of the holdout.

    Returns
    -------
    ProperScores
        Log score, CRPS and coverage.

    Raises
    ------
    InputError
        If `split` is not one, `model` is not a purchase model, units differ, or `level` is outside its range.

    Notes
    -----
    Gneiting and Raftery, "Strictly proper scoring rules, prediction, and estimation", Journal of the American
    Statistical Association 102 (2007); for counts: Czado, Gneiting and Held, "Predictive model assessment for count
    data", Biometrics 65 (2009).

    Counts above 64 are summed by a quadrature rule. In comparison with sums over all counts, the CRPS of a customer was
    right to 1e-8.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.models import BgNbd
    >>> from crmvalue.purchases import split_purchases
    >>> log = load_cdnow()
    >>> split = split_purchases(log.customer, log.date, calibration_end="1997-09-30")
    >>> scores = proper_scores(split, BgNbd(0.243, 4.414, 0.793, 2.426, "week"))
    >>> round(scores.log_score, 3), round(scores.crps, 3), round(scores.coverage, 3)
    (0.984, 0.51, 0.889)
    """
    checked = check_split(split)
    inside = as_fraction("level", level)
    refuse_unused(time_varying, model)
    known = as_model_of("model", model, checked.calibration, time_varying)
    history = check_history(checked.calibration, known.time_unit)
    return scores_of(foretell(known, history, checked.holdout_length, checked.holdout_n_purchases), inside)


def check_split(split: object) -> PurchaseSplit:
    """Check that it is a split."""
    if not isinstance(split, PurchaseSplit):
        raise InputError("split", "a PurchaseSplit", split, hint="crmvalue.purchases.split_purchases makes one")
    return split


def scores_of(foretold: Foretold, level: float = LEVEL) -> ProperScores:
    """Take the means over the customers."""
    low, high = 0.5 - 0.5 * level, 0.5 + 0.5 * level
    width = foretold.upto - foretold.fewer
    inside = np.minimum(foretold.upto, high) - np.maximum(foretold.fewer, low)
    certain = np.where((foretold.fewer >= low) & (foretold.upto <= high), 1.0, 0.0)  # a tail without any width
    share = np.divide(np.maximum(inside, 0.0), width, out=certain, where=width > 0)
    return ProperScores(
        log_score=max(float(foretold.log_score.mean()), 0.0),
        crps=float(foretold.crps.mean()),
        coverage=min(float(share.mean()), 1.0),
        level=level,
    )
