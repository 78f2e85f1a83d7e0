"""Points of a lead score, learned from leads that bought and leads that did not."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_floats,
    as_fraction,
    as_ordered_items,
    as_outcomes,
    as_positive,
    as_text,
    as_whole_number,
    require,
    require_same_index,
)
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import (
    columns_of,
    counted,
    decimals_apart,
    has_columns,
    in_percent,
    on_its_side,
    span,
    warn_at_user,
)
from crmvalue._core.logistic import expit, solve_logistic, standardise
from crmvalue._core.values import (
    FixedMapping,
    checked_field,
    count_field,
    hand_over,
    interval_field,
    number_column,
    number_field,
    require_at_most,
    require_columns,
    require_inside,
    stay_frozen,
    words_field,
)
from crmvalue.errors import InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["LeadScoreFit", "fit_lead_score"]

_NAMES_RULE = "names of the signals, one for each column of `X`"
_FAR, _HIDDEN = 10.0, 1e-3  # beyond all but one in a hundred leads, which make less than this part of the squares
_MOST_HALVINGS = 2_000  # from log-odds of 1e100 down to 1e-12 there are 372, each of which may take some steps


@stay_frozen
@attrs.frozen(kw_only=True)
class LeadScoreFit(Columns):
    """Learned weights of signals, and how well they predict leads that were not used for learning.

    Parameters
    ----------
    names : tuple of str
        Names of the signals.
    intercept : float
        Log-odds of a lead whose signals are all 0.
    coefficient : ndarray
        Log-odds for one more unit of each signal.
    standardised : ndarray
        The same for one standard deviation of each signal.
    penalty : float
        Penalty of the squares of `standardised`.
    n_train, n_holdout : int
        Leads that were used for learning, and leads that were held out.
    n_won_train, n_won_holdout : int
        How many of them bought.
    auc : float
        Probability that a held-out lead that bought scores above one that did not; a tie counts half. Chance gives 0.5.
    auc_interval : Interval
        Newcombe's interval of `auc`, from the variance of Hanley and McNeil.
    level : float
        Level of `auc_interval`.
    brier_score, brier_score_constant : float
        Mean squared error of the held-out probabilities, and of the training share as the probability of every lead.
    calibration_intercept : float
        Log-odds to add to the held-out predictions so that they predict as many buyers as there are; the best is 0.
    calibration_slope : float
        Slope of the outcome in the predicted log-odds; below 1 the predictions are too extreme. NaN without a slope:
        the predictions separate the held-out leads completely, or are all equal.
    n_steps : int
        Newton steps.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> X = rng.integers(0, 3, size=(2000, 2))
    >>> y = rng.random(2000) < 1 / (1 + np.exp(2 - 1.5 * X[:, 0]))
    >>> fit = fit_lead_score(X, y, names=["demo", "visit"], penalty=1, holdout_share=0.3, rng=rng)
    >>> fit.points(largest=20)["demo"], bool(fit.auc_interval.low > 0.7)
    (20, True)
    """

    names: tuple[str, ...] = words_field("names", distinct=True)
    intercept: float = number_field("intercept")
    coefficient: Floats = number_column("coefficient")
    standardised: Floats = number_column("standardised")
    penalty: float = number_field("penalty", low=0.0)
    n_train: int = count_field("n_train")
    n_holdout: int = count_field("n_holdout")
    n_won_train: int = count_field("n_won_train")
    n_won_holdout: int = count_field("n_won_holdout")
    auc: float = number_field("auc", low=0.0, high=1.0)
    auc_interval: Interval = interval_field("auc_interval")
    level: float = checked_field("level", as_fraction)
    brier_score: float = number_field("brier_score", low=0.0, high=1.0)
    brier_score_constant: float = number_field("brier_score_constant", low=0.0, high=1.0)
    calibration_intercept: float = number_field("calibration_intercept", infinite=True)
    calibration_slope: float = number_field("calibration_slope", infinite=True, missing=True)
    n_steps: int = count_field("n_steps")

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.names), ("coefficient", "standardised"), "names", least=1)
        require_at_most(self, "n_won_train", "n_train")
        require_at_most(self, "n_won_holdout", "n_holdout")
        ends = np.array(self.auc_interval)
        require(np.isinf(ends) | ((ends >= 0) & (ends <= 1)), "auc_interval", ends, "in [0, 1], or infinite")
        require_inside("auc_interval", self.auc_interval, self.auc)

    @property
    def conclusion(self) -> str:
        """How well the score and its probabilities predict the held-out leads, in two sentences."""
        low, high = self.auc_interval
        told = "is not shown to tell buyers from others"
        if low > 0.5:
            told = "tells buyers from others"
        elif high < 0.5:
            told = "puts buyers behind others, so do not use it"
        gain = "no better"
        if self.brier_score < self.brier_score_constant:  # a score that tells nothing apart may be so by chance
            gain = "better" if low > 0.5 else "not shown to be better"
        slope = f"{self.calibration_slope:z.2f}" if math.isfinite(self.calibration_slope) else "not known"
        brier, constant = decimals_apart(self.brier_score, self.brier_score_constant, 4)
        return (
            f"On {counted(self.n_holdout, 'held-out lead')} the score {told}: AUC {_auc_text(self.auc)} "
            f"({in_percent(self.level)} % interval {span(low, high, _auc_text)}). Its probabilities are {gain} "
            f"than one share for all (Brier score {brier} against {constant}, "
            f"calibration slope {slope})."
        )

    def points(self, *, largest: int = 20) -> FixedMapping[str, int]:
        """Turn the weights into whole points per unit of each signal, for the rules of a :class:`LeadScore`.

        Parameters
        ----------
        largest : int, optional
            Points of the signal with the largest weight, positive or negative, 1 to 10,000.

        Returns
        -------
        mapping of str to int
            Rounded points by signal; all 0 where nothing was learned.

        Raises
        ------
        InputError
            If `largest` is no whole number from 1 to 10,000.
        """
        most = as_whole_number("largest", largest, low=1, high=10_000)
        points = np.rint(self.coefficient / (float(np.abs(self.coefficient).max()) or 1.0) * most).astype(np.int64)
        return FixedMapping(zip(self.names, points.tolist(), strict=True))

    @np.errstate(under="ignore")
    def prob_won(self, X: ArrayLike) -> Floats:  # noqa: N803 - the usual name of a matrix of columns
        """Probability that each lead buys.

        Parameters
        ----------
        X : array_like
            Signals of each lead, shape (leads, signals). In a dataframe, the columns are found by `names`.

        Returns
        -------
        ndarray
            Probabilities, shape (leads,).

        Raises
        ------
        InputError
            If there are not as many columns as signals, or a value is NaN or infinite.
        """
        x = _matrix(_in_order(X, self.names))
        if x.shape[1] != len(self.names):
            raise InputError("X", f"with {len(self.names)} columns", x.shape)
        prob: Floats = expit(self.intercept + x @ self.coefficient)
        return prob

    def to_json(self) -> str:
        """Write all that was learned as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> LeadScoreFit:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the coefficients of each column, for a dataframe of any kind."""
        return {"name": text_array(self.names), "coefficient": self.coefficient, "standardised": self.standardised}


@np.errstate(under="ignore")  # log-odds far from 0 have a probability next to 0 or 1
def fit_lead_score(
    X: ArrayLike,  # noqa: N803 - the usual name of a matrix of columns
    y: ArrayLike,
    *,
    names: Iterable[str] | None = None,
    penalty: float = 1.0,
    holdout_share: float = 0.3,
    level: float = 0.95,
    rng: np.random.Generator,
) -> LeadScoreFit:
    r"""Learn points from past leads by penalised logistic regression, and test them on leads held out.

    Parameters
    ----------
    X : array_like
        Signals of each lead as they stood before the outcome, such as counts of events or 0 and 1, shape
        (leads, signals).
    y : array_like
        Whether the lead bought, True and False or 1 and 0, shape (leads,).
    names : iterable of str, optional
        Names of the signals. For a dataframe, the columns to learn from, by default all of them.
    penalty : float, optional
        Weight of half the sum of squares of the standardised coefficients, > 0, against the log-likelihood of all
        training leads. It keeps the coefficients finite where a signal separates the buyers completely.
    holdout_share : float, optional
        Share of the buyers and of the others that is held out, in (0, 1). Both parts keep at least two of each.
    level : float, optional
        Level of the interval of the AUC, in (0, 1).
    rng : numpy.random.Generator
        Draws the leads that are held out.

    Returns
    -------
    LeadScoreFit
        Coefficients, points, and discrimination and calibration on the held-out leads.

    Raises
    ------
    InputError
        If a value is missing or outside its range, shapes do not match, or there are too few buyers or others.
    ConvergenceError
        If Newton's method does not end. The penalty prevents this for all but extreme data.

    Warns
    -----
    DataWarning
        If a signal is so large in one training lead, or one in a hundred, that it hides how the others differ.

    Notes
    -----
    With standardised columns :math:`z`, Newton's method with halved steps minimises

    .. math:: \sum_i \left[\log(1 + e^{\eta_i}) - y_i \eta_i\right] + \frac{\lambda}{2} \sum_j \beta_j^2, \quad
        \eta_i = \beta_0 + \sum_j \beta_j z_{ij}

    A column that does not vary among the training leads gets the coefficient 0.

    The interval of the AUC holds the values :math:`\theta` that lie within `z` standard errors of it. The standard
    error is that of Hanley and McNeil [1]_ at :math:`\theta`, with both sizes in its middle terms replaced by their
    mean; Newcombe [2]_ found that this covers best. The interval has a width even for an AUC of 1. The calibration
    slope is that of a logistic regression of the outcome on the predicted log-odds. The calibration intercept is found
    with the slope kept at 1.

    .. [1] Hanley, J. A. and McNeil, B. J. (1982). The meaning and use of the area under a receiver operating
       characteristic (ROC) curve. Radiology 143, 29-36.
    .. [2] Newcombe, R. G. (2006). Confidence intervals for an effect size measure based on the Mann-Whitney statistic.
       Part 2. Statistics in Medicine 25, 559-573, method 5.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> X = np.c_[rng.poisson(2, 3000), rng.random(3000) < 0.2]
    >>> y = rng.random(3000) < 1 / (1 + np.exp(3 - 0.5 * X[:, 0] - 2 * X[:, 1]))
    >>> fit = fit_lead_score(X, y, names=["visits", "asked for a price"], rng=rng)
    >>> dict(fit.points(largest=20))
    {'visits': 4, 'asked for a price': 20}
    """
    require_same_index(X=X, y=y)
    if names is not None:
        names = tuple(as_ordered_items("names", names, _NAMES_RULE))
    elif has_columns(X):
        names = list(columns_of("X", X))
    x = _matrix(_in_order(X, names))
    won = as_outcomes("y", y)
    if len(won) != len(x):
        raise InputError("y", f"as long as `X` ({len(x)} rows)", len(won))
    words = _names(names, x.shape[1])
    weight = as_positive("penalty", penalty)
    share = as_fraction("holdout_share", holdout_share)
    level = as_fraction("level", level)
    if not isinstance(rng, np.random.Generator):
        raise InputError("rng", "a numpy.random.Generator", rng)
    held = _hold_out(won, share, rng)
    _warn_of_far_leads(x, np.flatnonzero(~held), words)

    train, y_train = x[~held], won[~held].astype(np.float64)
    standard = standardise(train)
    varies = standard.varies
    solved = solve_logistic(standard.z, y_train, weight)
    coefficient = np.where(varies, solved.beta[1:] / standard.scale, 0.0)
    intercept = float(solved.beta[0] - standard.mean @ coefficient)

    log_odds, y_held = intercept + x[held] @ coefficient, won[held]
    prob = expit(log_odds)
    auc = _auc(log_odds, y_held)
    return LeadScoreFit(
        names=words,
        intercept=intercept,
        coefficient=hand_over(coefficient),
        standardised=hand_over(np.where(varies, solved.beta[1:], 0.0)),
        penalty=weight,
        n_train=len(y_train),
        n_holdout=len(y_held),
        n_won_train=int(y_train.sum()),
        n_won_holdout=int(y_held.sum()),
        auc=auc,
        auc_interval=_auc_interval(auc, int(y_held.sum()), int((~y_held).sum()), level),
        level=level,
        brier_score=float(np.mean((prob - y_held) ** 2)),
        brier_score_constant=float(np.mean((y_train.mean() - y_held) ** 2)),
        calibration_intercept=_calibration_intercept(log_odds, y_held),
        calibration_slope=_calibration_slope(log_odds, y_held),
        n_steps=solved.n_steps,
    )


def _in_order(X: Any, names: object) -> Any:  # noqa: N803 - the usual name of a matrix of columns
    """Columns of a dataframe in the order of the names; a plain array passes as it is."""
    if not has_columns(X) or isinstance(names, str) or not isinstance(names, Iterable):
        return X
    columns, wanted = columns_of("X", X), list(names)
    for name in wanted:
        if name not in columns:
            raise InputError("X", f"a dataframe with the column {name!r}", list(columns))
    found = [np.asarray(columns[name]) for name in wanted]
    for name, column in zip(wanted, found, strict=True):
        if column.dtype.kind in "mM":  # numpy joins no dates with numbers
            raise InputError("X", "numeric", f"dates or durations in the column {name!r}")
    return np.column_stack(found) if wanted else X


def _matrix(value: ArrayLike) -> Floats:
    if isinstance(value, np.ndarray) and value.dtype.kind == "b":
        value = value.astype(np.float64)
    (x,) = as_floats(X=value)
    if x.ndim != 2 or 0 in x.shape:
        raise InputError("X", "of two dimensions, leads and signals, with at least one of each", x.shape)
    return x


def _names(value: object, n: int) -> tuple[str, ...]:
    words = tuple(as_text("names", word) for word in as_ordered_items("names", value, _NAMES_RULE))
    if len(words) != n or len(set(words)) != n:
        raise InputError("names", f"{n} different names, one for each column of `X`", words)
    return words


def _warn_of_far_leads(x: Floats, rows: Integers, names: tuple[str, ...]) -> None:
    """Warn where a few values make nearly all of the variation by which a column of these rows is standardised."""
    away = np.abs(x[rows] - np.median(x[rows], axis=0))
    ascending = np.sort(away, axis=0)
    usual = ascending[: len(rows) - math.ceil(len(rows) / 100)]
    hidden = (usual[-1] > 0) & (ascending[-1] > _FAR * usual[-1])
    hidden &= (usual**2).sum(axis=0) < _HIDDEN * (ascending**2).sum(axis=0)
    for column in np.flatnonzero(hidden).tolist():
        row = int(rows[away[:, column].argmax()])
        message = (
            f"the signal {names[column]!r} is {x[row, column]:g} at index {row}, so far from the others that their "
            f"differences count for nothing: correct it, or set a largest value"
        )
        warn_at_user(message, 1)


def _hold_out(won: npt.NDArray[np.bool_], share: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Draw the rows that are held out, with the same share of buyers and of others."""
    held = np.zeros(len(won), dtype=bool)
    for is_won in (True, False):
        rows = np.nonzero(won == is_won)[0]
        if len(rows) < 4:
            who = "leads that bought" if is_won else "leads that did not buy"
            raise InputError("y", f"of at least four {who}, two to learn from and two held out", len(rows))
        n = min(max(2, round(share * len(rows))), len(rows) - 2)
        held[rng.permutation(rows)[:n]] = True
    return held


def _auc_text(auc: float) -> str:
    return on_its_side(auc, round(2 * auc) / 2, 3)  # not 0, 0.5 or 1 but for these numbers


def _auc(score: Floats, won: npt.NDArray[np.bool_]) -> float:
    from scipy import stats

    m, n = int(won.sum()), int((~won).sum())
    return float((stats.rankdata(score)[won].sum() - m * (m + 1) / 2) / (m * n))


def _auc_interval(auc: float, m: int, n: int, level: float) -> Interval:
    from scipy import optimize, special

    z = -float(special.ndtri((1 - level) / 2))
    middle = (m + n) / 2 - 1

    def spread(theta: float) -> float:  # z^2 times the variance, without the factor theta (1 - theta)
        return z**2 * (1 + middle * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / (m * n)

    def excess(theta: float) -> float:
        if auc in {0.0, 1.0}:  # this end is a root; the other end is the root after dividing by it
            return abs(auc - theta) - abs(1 - auc - theta) * spread(theta)
        return (auc - theta) ** 2 - theta * (1 - theta) * spread(theta)

    low = 0.0 if auc == 0 else optimize.brentq(excess, 0.0, auc, xtol=1e-13)
    high = 1.0 if auc == 1 else optimize.brentq(excess, auc, 1.0, xtol=1e-13)
    return Interval(np.float64(low), np.float64(high))


def _calibration_intercept(log_odds: Floats, won: npt.NDArray[np.bool_]) -> float:
    from scipy import optimize

    def excess(shift: float) -> float:
        return float(np.sum(expit(log_odds + shift))) - int(won.sum())

    reach = float(np.abs(log_odds).max()) + 50.0
    return float(optimize.brentq(excess, -reach, reach, maxiter=_MOST_HALVINGS))


def _calibration_slope(log_odds: Floats, won: npt.NDArray[np.bool_]) -> float:
    buyers, others = log_odds[won], log_odds[~won]
    if buyers.min() >= others.max() or buyers.max() <= others.min():
        return math.nan
    centre, spread = log_odds.mean(), log_odds.std()
    return float(
        solve_logistic(((log_odds - centre) / spread)[:, np.newaxis], won.astype(np.float64), 0.0).beta[1] / spread
    )
