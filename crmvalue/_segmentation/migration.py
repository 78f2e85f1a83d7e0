"""Movement of customers between groups from one date to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
import numpy as np

from crmvalue._core.checks import as_counts, as_fraction, as_positive, as_whole_number, require_same_index
from crmvalue._core.encoding.customers import are_texts, as_comparable
from crmvalue._core.frames import Columns
from crmvalue._core.labels import as_given, counted, listed, money
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    Given,
    array_field,
    checked_field,
    count_column,
    hand_over,
    number_column,
    optional,
    read_only,
    stay_frozen,
)
from crmvalue._segmentation.labels import (
    as_money,
    as_texts,
    encode_distinct,
    encode_labels,
    group_sums,
)
from crmvalue._segmentation.pictures import migration_parts
from crmvalue.errors import InputError
from crmvalue.metrics import proportion_interval
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["Migration", "migration_matrix", "read_states"]

Window: TypeAlias = float | Literal["all"]

_MOST_STATES = 3_000  # the table has a cell for each pair of groups

_MOST_STEPS = 200
"""Periods that are taken one by one before two are put into one. This costs as much as some 100 of them, for 3,000
groups."""

_CELLS_JOINED = 15  # so many products of two full tables cost as much as one cell of a product with a vector
_FILLED = 0.25  # a table with fewer cells in use is multiplied cell by cell
_SAME, _NOBODY = 1e-11, 1e-12  # change of each group, relative and in customers, that all periods ahead may add up to


def _as_table(name: str, value: Any) -> Integers:
    """Take a table of whole numbers >= 0."""
    if isinstance(value, Given):
        return read_only(value)
    return read_only(hand_over(as_counts(**{name: value})[0].astype(np.int64)))


def _as_window(name: str, value: Any) -> Window:
    """Take a length above 0, or the word for all time."""
    return "all" if isinstance(value, str) and value == "all" else as_positive(name, value)


@stay_frozen
@attrs.frozen(kw_only=True)
class Migration(Columns, Pictured):
    """Customers counted by their group before and their group now.

    Parameters
    ----------
    states : tuple of str
        Groups.
    counts : ndarray
        Customers by group before (row) and now (column), shape (k, k).
    n_new, n_gone : ndarray
        Customers of each group now who were no customers before, and customers of each group before who are no
        customers now, shape (k,).
    value_before, value_now : ndarray or None
        Value of each group [money], shape (k,).
    level : float
        Confidence level of the intervals.
    window_before, window_now : float, "all" or None
        Length of the period over which the groups count purchases or money [days]; "all" for all time, None if not
        said.

    Examples
    --------
    >>> moved = migration_matrix(["active", "active", "sleeping"], ["active", "sleeping", "active"])
    >>> moved.counts
    array([[1, 1],
           [1, 0]])
    """

    states: tuple[str, ...] = checked_field("states", as_texts)
    counts: Integers = array_field(lambda value: _as_table("counts", value))
    n_new: Integers = count_column("n_new")
    n_gone: Integers = count_column("n_gone")
    value_before: Floats | None = number_column("value_before", default=None)
    value_now: Floats | None = number_column("value_now", default=None)
    level: float = checked_field("level", as_fraction, default=0.95)
    window_before: Window | None = checked_field("window_before", optional(_as_window), default=None)
    window_now: Window | None = checked_field("window_now", optional(_as_window), default=None)

    def __attrs_post_init__(self) -> None:
        k = len(self.states)
        if not k or len(set(self.states)) != k:
            raise InputError("states", "at least one, all different", self.states)
        shapes = {"counts": (k, k)} | dict.fromkeys(("n_new", "n_gone", "value_before", "value_now"), (k,))
        for name, shape in shapes.items():
            column = getattr(self, name)
            if column is not None and column.shape != shape:
                raise InputError(name, f"of shape {shape} for {k} states", column.shape)

    @property
    def size_before(self) -> Integers:
        """Customers of each group before, shape (k,)."""
        size: Integers = self.counts.sum(axis=1) + self.n_gone
        return size

    @property
    def size_now(self) -> Integers:
        """Customers of each group now, shape (k,)."""
        size: Integers = self.counts.sum(axis=0) + self.n_new
        return size

    @property
    def change(self) -> Integers:
        """Net change of each group [customers], shape (k,)."""
        change: Integers = self.size_now - self.size_before
        return change

    @property
    def factor(self) -> Floats:
        """Size now over size before, shape (k,): below 1 if a group shrank, NaN if it was empty."""
        factor = np.full(len(self.states), np.nan)
        np.divide(self.size_now, self.size_before, out=factor, where=self.size_before > 0)
        return factor

    @property
    def caution(self) -> str:
        """Say why the sizes and values of the two dates may not be comparable; empty for two equal windows."""
        if self.window_before is None or self.window_now is None:
            return (
                "no windows are given: if the groups count purchases or money of all time, these only rise as time "
                "goes by, and the best groups grow by construction; so do groups by silence in a young log, because "
                "nobody can have been silent for longer than it"
            )
        return _unfair(self.window_before, self.window_now)

    @property
    def value_change(self) -> Floats | None:
        """Change of the value of each group [money], shape (k,)."""
        if self.value_before is None or self.value_now is None:
            return None
        return self.value_now - self.value_before

    @property
    def transition(self) -> Floats:
        """Probability of each group now (column) for a customer of each group before (row), shape (k, k).

        A row sums to less than 1 if customers are gone; it is NaN if the group was empty.
        """
        size = self.size_before[:, np.newaxis]
        found = np.full(self.counts.shape, np.nan)
        np.divide(self.counts, size, out=found, where=size > 0)
        return found

    @property
    def transition_interval(self) -> Interval:
        """Wilson interval of each probability of `transition`, shapes (k, k); [0, 1] if a group was empty."""
        size = np.broadcast_to(self.size_before[:, np.newaxis], self.counts.shape)
        found = proportion_interval(np.where(size > 0, self.counts, 0), np.maximum(size, 1), level=self.level)
        return Interval(np.where(size > 0, found.low, 0.0), np.where(size > 0, found.high, 1.0))

    def project(self, n_periods: int = 1) -> Floats:
        """Sizes of the groups after more periods of the same length, with unchanged probabilities.

        Parameters
        ----------
        n_periods : int, optional
            Periods ahead, >= 0.

        Returns
        -------
        ndarray
            Expected customers of each group, shape (k,).

        Raises
        ------
        InputError
            If `n_periods` is no whole number >= 0.

        Notes
        -----
        Each period moves customers by the same probabilities and brings the same number of new customers. An empty
        group has no known probabilities: its customers stay. Periods are left out where all that are ahead change no
        group by more than 1e-11 of its size, or 1e-12 customers.

        Examples
        --------
        >>> moved = migration_matrix(["active"] * 4, ["active"] * 3 + ["sleeping"])
        >>> moved.project()
        array([2.25, 1.75])
        """
        n = as_whole_number("n_periods", n_periods, low=0, high=10_000)
        empty = self.size_before == 0
        stays = np.eye(len(self.states))
        prob = np.where(empty[:, np.newaxis], stays, np.nan_to_num(self.transition))
        return _after(self.size_now.astype(np.float64), prob, self.n_new.astype(np.float64), n)

    def statements(self) -> tuple[str, ...]:
        """Describe the change of each group in a sentence.

        Returns
        -------
        tuple of str
            In the order of `states`; after them the `caution`, if the windows are known and cannot be compared.

        Examples
        --------
        >>> moved = migration_matrix(["sleeping"] * 49, ["active"] * 39 + ["sleeping"] * 10)
        >>> moved.statements()[1]
        'sleeping shrank 4.9 times, from 49 to 10 customers'
        """
        then, worth_now = self.value_before, self.value_now
        said = []
        for i, (state, before, now) in enumerate(
            zip(self.states, self.size_before.tolist(), self.size_now.tolist(), strict=True)
        ):
            worth = "" if then is None or worth_now is None else f", and its value {_changed(then[i], worth_now[i])}"
            said.append(f"{state} {_movement(before, now)}{worth}")
        unfair = "" if self.window_before is None else self.caution
        return (*said, unfair) if unfair else tuple(said)

    def _parts(self) -> Parts:
        return migration_parts(self.states, self.counts, self.n_new, self.n_gone)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the size and the value of each group, for a dataframe of any kind; `counts` is a table of its own."""
        columns = {
            "group": np.array(self.states),
            "size_before": self.size_before,
            "size_now": self.size_now,
            "n_new": self.n_new,
            "n_gone": self.n_gone,
            "value_before": self.value_before,
            "value_now": self.value_now,
        }
        return {name: column for name, column in columns.items() if column is not None}


def migration_matrix(
    before: ArrayLike,
    now: ArrayLike,
    *,
    customer_before: ArrayLike | None = None,
    customer_now: ArrayLike | None = None,
    value_before: ArrayLike | None = None,
    value_now: ArrayLike | None = None,
    states: Sequence[str] | None = None,
    level: float = 0.95,
    window_before: Window | None = None,
    window_now: Window | None = None,
) -> Migration:
    """Count how customers moved between groups.

    Groups that count purchases or money need windows of one length at both dates, as
    :func:`crmvalue.purchases.summarise_window` counts them, and the same break points. Purchases of all time can only
    grow, so the best groups grow by construction. Nobody can have been silent for longer than the log, so groups by
    silence grow by construction too, until the log is older than the longest silence that they tell apart. In a
    younger log, take only the customers with a purchase in the window at each date.

    Parameters
    ----------
    before, now : array_like of str
        Group of each customer at the earlier and at the later date. The rows are the same customers in the same order,
        unless identifiers are given.
    customer_before, customer_now : array_like, optional
        Identifiers, each once. A customer who is only in one of the two is new or gone.
    value_before, value_now : array_like, optional
        Value of each customer at the two dates [money]. A magnitude below 1e-9 counts as 0.
    states : sequence of str, optional
        Groups in the order of the result; by default all groups that occur, sorted by name.
    level : float, optional
        Confidence level of the intervals, in (0, 1).
    window_before, window_now : float or "all", optional
        Length of the period over which the groups and values of each date count purchases or money [days], > 0, such
        as 180, or the `n_days_observed` of the window; "all" for all time. If they are "all" or differ, the `caution`
        of the result says what this does. By default they are not known, and the `caution` says so.

    Returns
    -------
    Migration
        Counts, probabilities and changes.

    Raises
    ------
    InputError
        If labels are missing or not among `states`, lengths differ, only one side has identifiers, values or a window,
        an identifier occurs twice, or there are more than 3,000 groups.

    Examples
    --------
    >>> moved = migration_matrix(
    ...     ["active", "sleeping"], ["sleeping", "active", "active"], customer_before=[1, 2], customer_now=[1, 2, 3]
    ... )
    >>> moved.states, moved.size_now, moved.n_new
    (('active', 'sleeping'), array([2, 1]), array([1, 0]))
    >>> unequal = migration_matrix(["low"], ["high"], window_before=180, window_now=365)
    >>> unequal.caution.split(":")[0]
    'the groups count 180 days before and 365 days now'
    """
    share = as_fraction("level", level)
    for one, other, name in (
        (customer_before, customer_now, "customer_now"),
        (value_before, value_now, "value_now"),
        (window_before, window_now, "window_now"),
    ):
        if (one is None) != (other is None):
            raise InputError(name, f"given together with {name.replace('now', 'before')}", other)
    windows = (("window_before", window_before), ("window_now", window_now))
    then_window, now_window = (None if window is None else _as_window(name, window) for name, window in windows)
    wanted = None if states is None else as_texts("states", states)
    require_same_index(before=before, customer_before=customer_before, value_before=value_before)
    require_same_index(now=now, customer_now=customer_now, value_now=value_now)
    if customer_before is None:
        require_same_index(before=before, now=now)  # without identifiers, rows are matched by their position
    names_then, code_then = encode_labels("before", before)
    names_now, code_now = encode_labels("now", now)
    known = read_states(wanted, names_then, names_now)
    place = {name: i for i, name in enumerate(known)}
    then = np.array([place[name] for name in names_then], dtype=np.int64)[code_then]
    today = np.array([place[name] for name in names_now], dtype=np.int64)[code_now]
    match = _match(customer_before, customer_now, len(then), len(today))
    stayed = match >= 0
    k = len(known)
    pairs = np.bincount(then[match[stayed]] * k + today[stayed], minlength=k * k).reshape(k, k)
    gone = np.ones(len(then), dtype=bool)
    gone[match[stayed]] = False
    return Migration(
        states=known,
        counts=hand_over(pairs),
        n_new=hand_over(np.bincount(today[~stayed], minlength=k)),
        n_gone=hand_over(np.bincount(then[gone], minlength=k)),
        value_before=None if value_before is None else _sums("value_before", value_before, then, k),
        value_now=None if value_now is None else _sums("value_now", value_now, today, k),
        level=share,
        window_before=then_window,
        window_now=now_window,
    )


def read_states(states: Sequence[str] | None, then: list[str], now: list[str]) -> tuple[str, ...]:
    """Give the groups in their order: the given one, which has to hold all, or the order of the alphabet."""
    found = sorted({*then, *now})
    known = tuple(found) if states is None else as_texts("states", states)
    if len(known) > _MOST_STATES:
        name = "before" if states is None else "states"
        raise InputError(name, f"of at most {_MOST_STATES:,} different groups, with those of `now`", len(known))
    if states is None:
        return known
    if len(set(known)) != len(known):
        raise InputError("states", "all different", states)
    for name, labels in (("before", then), ("now", now)):
        strange = sorted(set(labels) - set(known))
        if strange:
            raise InputError(name, f"one of the states ({listed(known)})", strange[0], count=len(strange))
    return known


def _match(before: ArrayLike | None, now: ArrayLike | None, n_then: int, n_now: int) -> Integers:
    """Find the earlier row of each present customer; -1 for a new customer."""
    if before is None or now is None:
        if n_then != n_now:
            raise InputError(
                "now", f"as long as `before` ({n_then} rows)", n_now, hint="give identifiers where customers differ"
            )
        return np.arange(n_now)
    then, code_then = encode_distinct("customer_before", before, n_then)
    today, code_now = encode_distinct("customer_now", now, n_now)
    if are_texts(then) != are_texts(today):
        raise InputError("customer_now", "identifiers of the same kind as before", str(today.dtype))
    then, today = as_comparable(then, today)
    row = np.empty(n_then, dtype=np.int64)
    row[code_then] = np.arange(n_then)
    place = np.minimum(np.searchsorted(then, today), n_then - 1)
    match: Integers = np.where(then[place] == today, row[place], -1)[code_now]
    return match


def _sums(name: str, value: ArrayLike, code: Integers, k: int) -> Any:
    column = as_money(name, value)
    if len(column) != len(code):
        raise InputError(name, f"one for each of the {len(code)} customers", len(column))
    return hand_over(group_sums(code, column, k))


def _unfair(before: Window, now: Window) -> str:
    """Say what two windows do to the groups; nothing if they have one length."""
    if before == now == "all":
        return (
            "the groups count all purchases up to each date: such counts only rise as time goes by, so the best "
            "groups grow by construction; count windows of one length"
        )
    if before == now:
        return ""
    change = "grow" if before != "all" and (now == "all" or now > before) else "shrink"
    return (
        f"the groups count {_length(before)} before and {_length(now)} now: a longer window holds more purchases, "
        f"so the best groups {change} by construction"
    )


def _length(window: Window) -> str:
    return "all time" if window == "all" else "1 day" if window == 1 else f"{as_given(window)} days"


def _changed(before: float, now: float) -> str:
    written = money(now - before, before, now, form="+z,")
    return f"changed by {written}" if written.strip("+0.") else "did not change"


def _movement(before: int, now: int) -> str:
    sizes = f"from {before:,} to {counted(now, 'customer')}"
    if before == now:
        return f"stayed at {counted(now, 'customer')}"
    if now == 0:
        return f"vanished, {sizes}"
    if before == 0:
        return f"appeared, {sizes}"
    verb, factor = ("grew", now / before) if now > before else ("shrank", before / now)
    return f"{verb} {factor:.1f} times, {sizes}" if factor >= 1.05 else f"{verb} slightly, {sizes}"


@np.errstate(under="ignore")
def _after(size: Floats, prob: Floats, new: Floats, n: int) -> Floats:
    """Give the sizes after `n` periods that move customers by `prob` and bring `new` ones, shape (k,).

    A change that is small for each group stays as small in the periods after it, because these only share it out.
    """
    from scipy import sparse

    k, n_cells = len(prob), max(int(np.count_nonzero(prob)), 1)
    table: Any = sparse.csr_array(prob) if n_cells < _FILLED * k * k else prob
    n_steps = max(_MOST_STEPS, k**3 // (_CELLS_JOINED * n_cells))
    while n:
        for _ in range(min(n, n_steps)):
            before, size, n = size, size @ table + new, n - 1
            if n and (np.abs(size - before) <= (_SAME * size + _NOBODY) / n).all():
                return size
        if n > n_steps:  # two periods are one of another kind, so that half as many are left
            if n % 2:
                size = size @ prob + new
            new, prob, n, n_steps = new @ prob + new, prob @ prob, n // 2, _MOST_STEPS
            table = prob
    return size
