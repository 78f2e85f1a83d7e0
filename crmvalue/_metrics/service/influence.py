"""Who serves well, and what bad service costs: scores of agents, and retention by the worst ticket."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_column,
    as_fraction,
    as_time,
    as_time_column,
    as_whole_number,
    require,
    require_same_index,
    require_same_length,
)
from crmvalue._core.comparisons import FEW_LOST, holm, log_rank, p_text
from crmvalue._core.encoding.customers import as_words, encode_customers, text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted, listed, money, percent, span
from crmvalue._core.values import (
    checked_field,
    count_field,
    hand_over,
    label_column,
    number_column,
    number_field,
    require_at_most,
    require_columns,
    require_ends,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue._metrics.common import warn_of_codes
from crmvalue._metrics.intervals import normal_quantile
from crmvalue._metrics.survival import require_order
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["AgentScores", "WorstTicketRetention", "agent_scores", "retention_by_worst_ticket"]

_MOST_DAYS = 36_600
_MOST_SEVERITIES = 100  # the test compares each with each
_NO_TICKET = "no ticket"
_GRID = 200
_NEGLIGIBLE = 25.0  # of a log-likelihood below its top
_SURPRISE = 0.05  # the rule of three: what is less likely was not to be expected
_SAME = 1e-12  # of the largest answer: less is what binary arithmetic leaves of nothing


@stay_frozen
@attrs.frozen(kw_only=True)
class AgentScores(Columns):
    """Mean score of each agent, and the same shrunk towards the mean of all agents.

    Parameters
    ----------
    agent : ndarray
        Agents, ascending.
    n_answers : ndarray of int
        Answers about each agent.
    mean : ndarray
        Mean answer about each agent.
    shrunk : ndarray
        Mean that is to be expected of the agent from now on.
    low, high : ndarray
        Interval of that mean.
    overall : float
        Mean of a typical agent.
    spread : float
        Expected standard deviation between the agents' true means; 0 where nothing tells agents apart.
    level : float
        Level of the intervals.

    Examples
    --------
    >>> scores = agent_scores(["ann"] * 8 + ["bob"] * 8 + ["cy"], [5, 4, 5, 5, 4, 5, 5, 5, 3, 2, 3, 4, 3, 3, 2, 3, 5])
    >>> scores.mean.round(2).tolist(), scores.shrunk.round(2).tolist()
    ([4.75, 2.88, 5.0], [4.72, 2.93, 4.79])
    """

    agent: npt.NDArray[Any] = label_column("agent")
    n_answers: Integers = whole_table("n_answers", low=1)
    mean: Floats = number_column("mean")
    shrunk: Floats = number_column("shrunk")
    low: Floats = number_column("low")
    high: Floats = number_column("high")
    overall: float = number_field("overall")
    spread: float = number_field("spread", low=0.0)
    level: float = checked_field("level", as_fraction)

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.agent), ("n_answers", "mean", "shrunk", "low", "high"), "agents")
        require_at_most(self, "low", "shrunk", "high")

    @property
    def is_above(self) -> Bools:
        """Whether an agent is better than a typical one beyond chance: the interval lies above `overall`."""
        return np.asarray(self.low > self.overall)

    @property
    def is_below(self) -> Bools:
        """Whether an agent is below a typical one beyond chance: the interval lies below `overall`."""
        return np.asarray(self.high < self.overall)

    @property
    def best(self) -> npt.NDArray[Any]:
        """Agents who are above a typical one beyond chance, the highest lower end first."""
        order = np.argsort(-self.low, kind="stable")
        return self.agent[order[self.is_above[order]]]

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind."""
        names = ("agent", "n_answers", "mean", "shrunk", "low", "high", "is_above", "is_below")
        return {name: getattr(self, name) for name in names}

    @property
    def conclusion(self) -> str:
        """Name the agents who are above and below a typical one beyond chance."""
        above, below = (listed(names) or "nobody" for names in (self.best, self.agent[self.is_below]))
        return f"Typical agent {money(self.overall, form='z')}. Beyond chance above it: {above}; below it: {below}."

    def to_json(self) -> str:
        """Write the scores as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> AgentScores:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def agent_scores(agent: ArrayLike, score: ArrayLike, *, level: float = 0.95) -> AgentScores:
    r"""Score agents by the answers about them, so that one survey does not make a champion.

    Parameters
    ----------
    agent : array_like
        Agent of each answer, whole numbers or text.
    score : array_like
        Answers to one question, such as satisfaction from 1 to 5 or effort from 1 to 7; 1 and 0 for "satisfied" or not.
        `best` takes high answers as good ones: turn a scale round on which 7 is the hardest.
    level : float, optional
        Level of the intervals, in (0, 1).

    Returns
    -------
    AgentScores
        Mean and shrunk mean of each agent, with an interval.

    Raises
    ------
    InputError
        If the columns are empty or unequally long, an agent is missing, or an answer is no finite number.

    Warns
    -----
    DataWarning
        If numbers such as 99 and 999 are far from all other answers: they often stand for no answer.

    Notes
    -----
    The answers about agent *i* vary around the agent's true mean with a variance :math:`\sigma^2`, that within agents.
    The true means vary around that of a typical agent, :math:`\mu`, with a standard deviation :math:`\tau`. For a known
    :math:`\tau` the best prediction [1]_ is

    .. math:: \hat\mu + \frac{\tau^2}{\tau^2 + \sigma^2 / n_i} (\bar{y}_i - \hat\mu)

    Agents differ by an unknown :math:`\tau`, so prediction and interval are means over all of its values up to half the
    range of the answers, each weighed by its restricted likelihood [2]_. An estimate of :math:`\tau` alone would be 0
    too often, and the intervals too short. Where each agent has one answer, nothing tells agents apart: all get the
    overall mean, and the interval is as wide as if all the variation were that between agents.

    :math:`\sigma^2` is pooled over all agents, so an agent whose answers are all equal gets an interval too. The
    intervals are Student's, with as many degrees of freedom as there are answers beyond one for each agent. If no
    agent has two different answers, there is nothing to pool. Then a share *p* of the answers is taken to lie one step
    away from the others, as many as *n* equal answers leave possible: :math:`(1 - p)^n = 0.05`, at most a half. That is
    the rule of three [3]_. A step is the smallest difference between two answers that were given, or 1.

    .. [1] Robinson, G. K. (1991). That BLUP is a good thing: the estimation of random effects. Statistical Science 6,
       15-32.
    .. [2] Gelman, A. (2006). Prior distributions for variance parameters in hierarchical models. Bayesian Analysis 1,
       515-534.
    .. [3] Hanley, J. A., and Lippman-Hand, A. (1983). If nothing goes wrong, is everything all right? Journal of the
       American Medical Association 249, 1743-1745.

    Examples
    --------
    >>> scores = agent_scores(["ann", "ann", "ann", "ann", "bob"], [4, 5, 4, 5, 5])
    >>> scores.mean.tolist(), scores.shrunk.round(2).tolist(), scores.is_above.tolist()
    ([4.5, 5.0], [4.58, 4.69], [False, False])

    The score of Bob rests on one answer. Agents in `best` are better than a typical one beyond chance.
    """
    from scipy import special

    require_same_index(agent=agent, score=score)
    names, code = encode_customers("agent", agent)
    answers = as_column("score", score)
    n_rows, k = require_same_length(agent=code, score=answers), len(names)
    level = as_fraction("level", level)
    warn_of_codes({"score": answers}, remedy="leave the row out")
    z = normal_quantile(level)

    n = np.bincount(code, minlength=k)
    centre = answers.mean()
    mean = np.bincount(code, weights=answers - centre, minlength=k) / n + centre
    rest = answers - (mean[code] if n_rows > k else centre)
    step = _step(answers)
    within = float(rest @ rest) / max(n_rows - (k if n_rows > k else 1), 1)
    if np.abs(rest).max() <= _SAME * np.abs(answers).max():
        within = _most_unseen(n_rows) * step**2
    if n_rows == k:  # nothing tells agents from their answers
        half = np.full(k, z * math.sqrt(within + within / k))
        return _scores(names, n, mean, np.full(k, centre), half, float(centre), 0.0, level)
    noise = within / n
    spread, prob = _spreads(mean, noise, max(float(np.ptp(answers)), step) / 2)
    overall, first, second = 0.0, np.zeros(k), np.zeros(k)
    for tau, weight in zip(spread.tolist(), prob.tolist(), strict=True):
        middle, error, kept = _given_spread(mean, noise, tau)
        expected = middle + kept * (mean - middle)
        overall += weight * (middle - centre)
        first += weight * (expected - centre)
        second += weight * ((expected - centre) ** 2 + tau**2 * (1 - kept) + ((1 - kept) * error) ** 2)
    quantile = -special.stdtrit(n_rows - k, (1 - level) / 2)  # few answers know their variance badly
    half = quantile * np.sqrt(np.maximum(second - first**2, 0))
    return _scores(names, n, mean, first + centre, half, overall + centre, float(spread @ prob), level)


def _step(answers: Floats) -> float:
    """Smallest difference between two answers that were given, 1 where all are the same."""
    steps = np.diff(np.unique(answers))
    steps = steps[steps > _SAME * np.abs(answers).max()]
    return float(steps.min()) if len(steps) else 1.0


def _most_unseen(n: int) -> float:
    """Largest variance of answers of 0 and 1 among which n equal ones are no surprise."""
    share = min(1.0 - math.pow(_SURPRISE, 1.0 / n), 0.5)
    return share * (1.0 - share)


def _given_spread(mean: Floats, noise: Floats, spread: float) -> tuple[float, float, Floats]:
    """Mean of a typical agent and its error, and the part of each deviation that is kept, for a known spread."""
    weight = 1 / (spread**2 + noise)
    total = float(weight.sum())
    return float(weight @ mean) / total, 1 / math.sqrt(total), spread**2 * weight


def _spreads(mean: Floats, noise: Floats, reach: float) -> tuple[Floats, Floats]:
    """Possible spreads up to `reach` and their probabilities given the data, first on a coarse grid, then on a fine."""
    low, high = 0.0, reach
    for _ in range(2):
        step = (high - low) / _GRID
        spread: Floats = np.float64(low) + step * (np.arange(_GRID, dtype=np.float64) + 0.5)
        likelihood = np.array([_log_likelihood(mean, noise, tau) for tau in spread.tolist()])
        likelihood -= likelihood.max()
        seen = spread[likelihood > -_NEGLIGIBLE]
        low, high = max(seen[0] - step, 0.0), min(seen[-1] + step, reach)
    with np.errstate(under="ignore"):
        prob: Floats = np.exp(likelihood)
    prob /= prob.sum()
    return spread, prob


def _log_likelihood(mean: Floats, noise: Floats, spread: float) -> float:
    """Restricted log-likelihood of the spread between agents, up to a constant."""
    middle, error, _ = _given_spread(mean, noise, spread)
    variance = spread**2 + noise
    return math.log(error) - 0.5 * float(np.log(variance).sum() + ((mean - middle) ** 2 / variance).sum())


def _scores(
    names: Any, n: Any, mean: Floats, shrunk: Floats, half: Floats, overall: float, spread: float, level: float
) -> AgentScores:
    return AgentScores(
        agent=hand_over(names),
        n_answers=hand_over(n),
        mean=hand_over(mean),
        shrunk=hand_over(shrunk),
        low=hand_over(shrunk - half),
        high=hand_over(shrunk + half),
        overall=overall,
        spread=spread,
        level=level,
    )


@stay_frozen
@attrs.frozen(kw_only=True)
class WorstTicketRetention(Columns):
    """Share of customers who stay, by the worst ticket of their first days.

    Parameters
    ----------
    worst : tuple of str
        "no ticket", and the severities from the mildest to the worst; those without customers are left out.
    n_customers, n_lost : ndarray of int
        Customers of each group at the end of the first days, and those lost by `as_of` or the horizon.
    retained : ndarray
        Share of them who are still customers `horizon_days` later; NaN if nobody was watched so long.
    low, high : ndarray
        Interval of that share. Where none or all were lost, it rests on those who were watched to the end alone.
    landmark_days, horizon_days : int
        Length of the first days, and days after them.
    n_left_before, n_too_new : int
        Customers who left within the first days, and those whose first days are not over; both are left out.
    p_value : float
        Log-rank test that all groups are lost at the same pace; NaN with one group.
    level : float
        Level of the intervals.

    Examples
    --------
    >>> found = retention_by_worst_ticket(
    ...     ["ann", "bob", "cy"], ["2023-01-01"] * 3, [None, "2023-06-01", None],
    ...     ["bob"], ["2023-01-10"], ["major"],
    ...     order=["minor", "major"], as_of="2024-06-01", landmark_days=90, horizon_days=365,
    ... )  # fmt: skip
    >>> found.worst, found.retained.tolist()
    (('no ticket', 'major'), [1.0, 0.0])
    """

    worst: tuple[str, ...] = words_field("worst", distinct=True)
    n_customers: Integers = whole_table("n_customers", low=1)
    n_lost: Integers = whole_table("n_lost")
    retained: Floats = number_column("retained", low=0.0, high=1.0, missing=True)
    low: Floats = number_column("low", low=0.0, high=1.0, missing=True)
    high: Floats = number_column("high", low=0.0, high=1.0, missing=True)
    landmark_days: int = count_field("landmark_days", low=1)
    horizon_days: int = count_field("horizon_days", low=1)
    n_left_before: int = count_field("n_left_before")
    n_too_new: int = count_field("n_too_new")
    p_value: float = number_field("p_value", low=0.0, high=1.0, missing=True)
    level: float = checked_field("level", as_fraction)

    def __attrs_post_init__(self) -> None:
        names = ("n_customers", "n_lost", "retained", "low", "high")
        require_columns(self, len(self.worst), names, "groups")
        require_at_most(self, "n_lost", "n_customers")
        require_ends(self, "low", "high")
        require_ends(self, "low", "retained")
        require_at_most(self, "retained", "high")

    @property
    def conclusion(self) -> str:
        """Say the shares of all groups, and whether their difference is beyond chance."""
        parts = [
            f"{name}: "
            + (
                f"nobody of {n:,} watched so long"
                if math.isnan(share)
                else f"{percent(share)} of {n:,} ({span(low, high, percent)})"
            )
            for name, share, n, low, high in zip(
                self.worst, self.retained, self.n_customers, self.low, self.high, strict=True
            )
        ]
        shares = listed(parts, between="; ")
        text = f"Retained {counted(self.horizon_days, 'day')} after the first {self.landmark_days}: {shares}."
        left = [
            (self.n_left_before, "left before"),
            (self.n_too_new, "came too late"),
        ]
        if some := [f"{counted(n, 'customer')} who {why}" for n, why in left if n]:
            text += f" Left out: {listed(some)}."
        if math.isnan(self.p_value):
            return text
        shown = "the groups differ beyond chance" if self.p_value < 1 - self.level else "no difference is shown"
        return f"{text} Log-rank test: {p_text(self.p_value, 1 - self.level)}, {shown}."

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind."""
        names = ("n_customers", "n_lost", "retained", "low", "high")
        return {"worst": text_array(self.worst), **{name: getattr(self, name) for name in names}}

    def to_json(self) -> str:
        """Write the table as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> WorstTicketRetention:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def retention_by_worst_ticket(
    customer: ArrayLike,
    start: ArrayLike,
    lost: ArrayLike,
    ticket_customer: ArrayLike,
    ticket_time: ArrayLike,
    severity: ArrayLike,
    *,
    order: Sequence[str],
    as_of: ArrayLike,
    landmark_days: int,
    horizon_days: int,
    level: float = 0.95,
) -> WorstTicketRetention:
    """Compare how long customers stay, by the worst ticket of their first days.

    Parameters
    ----------
    customer : array_like
        Customers, each once, shape (n,).
    start : array_like
        Moment each became a customer.
    lost : array_like
        Moment each was lost; missing (None or NaT) for those who are still customers.
    ticket_customer : array_like
        Customer of each ticket, shape (m,).
    ticket_time : array_like
        Moment of each ticket.
    severity : array_like of str
        Severity of each ticket, such as "minor", or "late" and "in time".
    order : sequence of str
        All severities, the mildest first; at most 100.
    as_of : date
        Last moment that is taken as known.
    landmark_days : int
        Days after the start within which tickets count, >= 1.
    horizon_days : int
        Days after these for which retention is given, >= 1.
    level : float, optional
        Level of the intervals, in (0, 1).

    Returns
    -------
    WorstTicketRetention
        Retention by worst ticket with intervals, and the log-rank test.

    Raises
    ------
    InputError
        If the columns differ in length or are empty, a customer comes twice, a value is missing or of a wrong kind, a
        severity is not in `order`, a ticket is of an unknown customer, or nobody was a customer for `landmark_days`.

    Notes
    -----
    Only tickets of the first days decide, and only customers who are still there after them are compared [1]_. Whoever
    stays longer has more time for a bad ticket; without this care, bad tickets would seem to keep customers. Shares and
    intervals are those of Kaplan and Meier (exponential Greenwood). If a group is expected to lose fewer than 30
    customers, the p-value of the chi-squared log-rank test is too small; then it is at least the smallest of the exact
    tests of each group against all others, corrected by Holm [2]_. The groups were not drawn by chance: customers who
    buy more also ask more.

    .. [1] Anderson, J. R., Cain, K. C. and Gelber, R. D. (1983). Analysis of survival by tumor response. Journal of
       Clinical Oncology 1, 710-719.
    .. [2] Thomas, D. G. (1975). Exact and asymptotic methods for the combination of 2 x 2 tables. Computers and
       Biomedical Research 8, 423-446.

    Examples
    --------
    >>> found = retention_by_worst_ticket(
    ...     [1, 2, 3, 4],
    ...     ["2023-01-01"] * 4,
    ...     [None, None, "2023-05-01", "2023-06-01"],
    ...     [2, 3, 3, 4],
    ...     ["2023-01-15", "2023-01-20", "2023-02-01", "2023-05-01"],
    ...     ["minor", "minor", "major", "major"],
    ...     order=["minor", "major"],
    ...     as_of="2024-06-01",
    ...     landmark_days=90,
    ...     horizon_days=365,
    ... )
    >>> dict(zip(found.worst, found.n_customers.tolist()))
    {'no ticket': 2, 'minor': 1, 'major': 1}
    """
    require_same_index(customer=customer, start=start, lost=lost)
    require_same_index(ticket_customer=ticket_customer, ticket_time=ticket_time, severity=severity)
    people, person = encode_customers("customer", customer)
    if len(people) != len(person):
        raise InputError("customer", "each customer once", people[np.argmax(np.bincount(person))])
    begun = as_time_column("start", start)
    ended = as_time_column("lost", lost, allow_missing=True)
    require_same_length(customer=person, start=begun, lost=ended)
    require_order("start", begun, "lost", ended)
    now = as_time("as_of", as_of)
    names = words_of_order(order)
    first_days = as_whole_number("landmark_days", landmark_days, low=1, high=_MOST_DAYS)
    horizon = as_whole_number("horizon_days", horizon_days, low=1, high=_MOST_DAYS)
    level = as_fraction("level", level)
    at, time, code = _tickets(people, person, ticket_customer, ticket_time, severity, names)

    landmark = begun + np.timedelta64(first_days, "D")
    worst = np.zeros(len(person), dtype=np.int64)
    early = (time >= begun[at]) & (time < landmark[at])
    np.maximum.at(worst, at[early], code[early] + 1)
    known, left = landmark <= now, ended < landmark
    kept = known & ~left
    if not kept.any():
        raise InputError("landmark_days", "so few that somebody was a customer for longer", first_days)
    stop = np.fmin(ended[kept], now)
    waited = (stop - landmark[kept]) / np.timedelta64(1, "D")
    gone, group = ended[kept] <= now, worst[kept]
    gone &= waited <= horizon
    waited = np.minimum(waited, horizon)

    present, place = np.unique(group, return_inverse=True)
    watched = (now - landmark[kept]) / np.timedelta64(1, "D")
    groups = [np.nonzero(place == g)[0] for g in range(len(present))]
    shares = [_share_left(waited[rows], gone[rows], watched[rows], horizon, level) for rows in groups]
    retained, low, high = np.array(shares).T.copy()
    return WorstTicketRetention(
        worst=tuple((_NO_TICKET, *names)[g] for g in present.tolist()),
        n_customers=hand_over(np.bincount(place)),
        n_lost=hand_over(np.bincount(place, weights=gone).astype(np.int64)),
        retained=hand_over(retained),
        low=hand_over(low),
        high=hand_over(high),
        landmark_days=first_days,
        horizon_days=horizon,
        n_left_before=int(np.count_nonzero(known & left)),
        n_too_new=int(np.count_nonzero(~known)),
        p_value=_log_rank(waited, gone, place, len(present)),
        level=level,
    )


def words_of_order(order: Any) -> list[str]:
    """Take the severities, the mildest first."""
    if isinstance(order, str) or not isinstance(order, list | tuple) or not order:
        raise InputError("order", "a list of severities, the mildest first", order)
    if len(order) > _MOST_SEVERITIES:
        rule = f"at most {_MOST_SEVERITIES} severities"
        raise InputError("order", rule, len(order), hint="put severities that are alike into one")
    seen: set[str] = set()
    for index, word in enumerate(order):
        if not isinstance(word, str) or not word.strip() or word in seen or word == _NO_TICKET:
            raise InputError("order", "different texts, none of them empty", word, index=index)
        seen.add(word)
    return list(order)


def _tickets(
    people: Any, person: Integers, customer: ArrayLike, time: ArrayLike, severity: ArrayLike, names: list[str]
) -> tuple[Integers, Any, Integers]:
    """Row of the customer, moment and rank of each ticket."""
    owners, owner = encode_customers("ticket_customer", customer)
    moment = as_time_column("ticket_time", time)
    words, word = as_words("severity", severity)
    require_same_length(ticket_customer=owner, ticket_time=moment, severity=word)
    if len(owner) == 0:
        return owner, moment, word
    places = {name: place for place, name in enumerate(names)}
    for text in words:
        if text not in places:
            raise InputError("severity", f"one of `order`, {', '.join(names)}", text)
    if isinstance(owners[0], str) != isinstance(people[0], str):
        raise InputError("ticket_customer", "identifiers like those of `customer`", owners[0])
    place = np.minimum(np.searchsorted(people, owners), len(people) - 1)
    require(people[place] == owners, "ticket_customer", owners, "among `customer`")
    row = np.empty(len(people), dtype=np.int64)
    row[person] = np.arange(len(person))
    rank = np.array([places[text] for text in words], dtype=np.int64)
    return row[place[owner]], moment, rank[word]


def _share_left(waited: Floats, gone: Bools, watched: Floats, horizon: int, level: float) -> tuple[float, float, float]:
    """Kaplan-Meier at the horizon with its interval; NaN where nobody was watched so long, unless all were lost.

    Where all or none are left, the interval is that of a binomial share. It rests on those whose fate would be known:
    `watched` is how long each was, or would have been if they had stayed.
    """
    if waited.max() < horizon and not gone[waited == waited.max()].all():
        return math.nan, math.nan, math.nan
    if not gone.any():
        n_whole = np.count_nonzero(watched >= horizon)
        return 1.0, (1 - level) ** (1 / n_whole), 1.0
    times, lost = np.unique(waited[gone], return_counts=True)
    at_risk = len(waited) - np.searchsorted(np.sort(waited), times, side="left")
    if lost[-1] == at_risk[-1]:
        n_whole = np.count_nonzero(watched >= waited[gone].max())
        return 0.0, 0.0, 1 - (1 - level) ** (1 / n_whole)
    log_share = float(np.log1p(-lost / at_risk).sum())
    error = math.sqrt(float((lost / (at_risk * (at_risk - lost))).sum())) / -log_share
    low, high = (math.exp(log_share * math.exp(sign * normal_quantile(level) * error)) for sign in (1, -1))
    return math.exp(log_share), low, high


def _log_rank(waited: Floats, gone: Bools, place: Integers, k: int) -> float:
    """P-value of the log-rank test for `k` groups."""
    from scipy import special

    if k < 2 or not gone.any():
        return math.nan
    times = np.unique(waited[gone])
    lost, at_risk = np.empty((k, len(times))), np.empty((k, len(times)))
    for g in range(k):
        mine = np.sort(waited[place == g])
        at_risk[g] = len(mine) - np.searchsorted(mine, times, side="left")
        ends = np.sort(waited[(place == g) & gone])
        lost[g] = np.searchsorted(ends, times, side="right") - np.searchsorted(ends, times, side="left")
    d, n = lost.sum(axis=0), at_risk.sum(axis=0)
    share = at_risk / n
    excess = (lost - d * share).sum(axis=1)
    spread = np.divide(d * (n - d), n - 1, out=np.zeros(len(n)), where=n > 1)
    variance = np.diag(share @ spread) - (share * spread) @ share.T
    statistic = float(excess[:-1] @ np.linalg.pinv(variance[:-1, :-1]) @ excess[:-1])
    p_value = float(special.chdtrc(k - 1, max(statistic, 0.0)))
    if (share @ d).min() < FEW_LOST:
        tested = range(k if k > 2 else 1)  # two groups are one pair
        own = np.array([log_rank(lost[g], at_risk[g], d - lost[g], n - at_risk[g])[1] for g in tested])
        p_value = max(p_value, float(holm(own).min()))
    return p_value
