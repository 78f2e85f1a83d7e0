"""The table of results: a row for each journey, step, offer, channel, segment and period that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_fraction, as_whole_number, require, require_choice
from crmvalue._core.comparisons import holm
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted, money
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    checked_field,
    choice_field,
    count_field,
    label_column,
    number_column,
    number_field,
    require_at_most,
    require_ends,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue._journeys.planning.plan import DECISIONS
from crmvalue._journeys.results.credit import CREDITS
from crmvalue._journeys.results.pictures import results_parts
from crmvalue._journeys.results.ranks import JourneyRank, rank_of
from crmvalue.errors import InputError
from crmvalue.metrics import proportion_interval
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import Floats, Integers

__all__ = ["KEYS", "RANKED_BY", "JourneyResults"]

KEYS = ("journey", "version", "step", "offer", "channel", "segment", "period")
"""What results may be split by."""

RANKED_BY = ("revenue", "revenue_per_message", "incremental_revenue", "incremental_margin")

_COUNTS = ("delivered", "opened", "clicked", "replied", "converted")
_PARTS_OF = {
    "n_sent": (*(f"n_{name}" for name in _COUNTS), "n_codes_redeemed"),
    "n_treated": ("n_treated_converted",),
    "n_control": ("n_control_converted",),
}
"""Counts of a result, and those that cannot be larger."""

_SEND = DECISIONS.index("send")
_LARGEST = 1e250  # of an effect for each customer, which is multiplied by their number
_MOST_NAMED = 3  # rows in the conclusion


def _key_field(name: str) -> Any:
    return label_column(name, texts=True, default=None)


def _effect_field(name: str) -> Any:
    return number_column(name, low=-_LARGEST, high=_LARGEST, missing=True)


@stay_frozen
@attrs.frozen(kw_only=True)
class JourneyResults(Columns, Pictured):
    """What came of messages, one row for each part that was asked for; every column has one element for each row.

    Parameters
    ----------
    by : tuple of str
        What the rows are split by; the columns of these names hold the labels.
    journey, version, step, offer, channel, segment, period : ndarray or None
        Labels of the rows; None where the rows are not split by it.
    credit : str
        Rule by which orders are credited.
    within_days : int
        Days after a message in which an order may be credited to it.
    level : float
        Confidence level of the intervals.
    n_by_decision : ndarray of int
        Messages of each row by decision, in the order of `DECISIONS`, shape (rows, decisions). A history holds only
        messages that were sent.
    n_delivered, n_opened, n_clicked, n_replied : ndarray of int or None
        Messages with such a reaction, each counted once; None where no reactions were given.
    n_converted : ndarray of int
        Messages that an order of the same customer follows within the days. One order may follow several messages.
    n_codes_redeemed : ndarray of int or None
        Messages whose code was used; None for orders without codes.
    n_orders : ndarray
        Credited orders; a model may credit parts of an order.
    revenue, margin, benefit : ndarray
        Revenue and margin of the credited orders, and what was given away with them [money].
    contact_cost : ndarray
        Cost of the messages that were sent [money].
    revenue_error : ndarray
        Standard error of `revenue` [money]; NaN where fewer than two customers got a message, or all brought the same,
        such as nothing.
    n_units : ndarray of int
        Customers by whom the error was found; for a model, groups of customers.
    n_treated, n_control : ndarray of int
        Customers in the comparison with the control group.
    n_treated_converted, n_control_converted : ndarray of int
        Those of them who ordered within the days.
    converted_effect, revenue_effect, margin_effect : ndarray
        Share of customers with an order, revenue and margin of a customer [money], treated minus control; NaN where
        nothing is known.
    converted_effect_low, converted_effect_high, revenue_effect_low, revenue_effect_high : ndarray
        Newcombe's interval of the first, and for the second the wider of Welch's and Student's; NaN where no customer's
        money differs from that of another one.
    revenue_p_value : ndarray
        Two-sided p-values of no effect on the revenue, by the same two tests, not corrected; NaN as the interval.
    margin_effect_low, margin_effect_high : ndarray
        The interval of the third, as that of the second. All three intervals hold for each row by itself: with many
        rows, some leave out 0 by chance. Only `is_shown`, on the revenue, corrects for the number of rows.
    n_all_orders, n_credited_orders : int
        Orders, and those of them that were credited.
    all_revenue, credited_revenue : float
        Their revenue [money]. The credited revenue is the sum of `revenue`: each order is credited once.
    n_later : int
        Messages, reactions and orders after the end of the logs, which are left out.
    n_open : int
        Messages whose days are not over at the end of the logs.
    n_copies : int
        Orders that are exact copies of another one; they count like the others.
    n_message_copies : int, optional
        Messages sent with the key of another one on its channel, such as rows read twice; they count like the others.
    n_unmatched : int
        Reactions to no known message.

    Examples
    --------
    >>> from crmvalue.journeys import BirthdayJourney, Customers, Orders, Policy, journey_results, plan
    >>> base = Customers(customer=[1, 2], dates={"birthday": ["1990-06-07"] * 2}, consent={"email": [True, True]})
    >>> made = plan([BirthdayJourney("birthday")], base, None, None, Policy(), "2024-05-31")
    >>> sold = Orders(customer=[1], time=["2024-06-02T18:00"], revenue=["19.90"], margin=0.3)
    >>> found = journey_results(made, None, sold, as_of="2024-06-30")
    >>> found.n_sent, found.n_converted, found.revenue
    (array([2]), array([1]), array([19.9]))
    """

    by: tuple[str, ...] = words_field("by", distinct=True)
    journey: npt.NDArray[np.str_] | None = _key_field("journey")
    version: npt.NDArray[np.str_] | None = _key_field("version")
    step: npt.NDArray[np.str_] | None = _key_field("step")
    offer: npt.NDArray[np.str_] | None = _key_field("offer")
    channel: npt.NDArray[np.str_] | None = _key_field("channel")
    segment: npt.NDArray[np.str_] | None = _key_field("segment")
    period: npt.NDArray[np.str_] | None = _key_field("period")
    credit: str = choice_field("credit", CREDITS)
    within_days: int = count_field("within_days")
    level: float = checked_field("level", as_fraction)
    n_by_decision: Integers = whole_table("n_by_decision", 2)
    n_delivered: Integers | None = whole_table("n_delivered", default=None)
    n_opened: Integers | None = whole_table("n_opened", default=None)
    n_clicked: Integers | None = whole_table("n_clicked", default=None)
    n_replied: Integers | None = whole_table("n_replied", default=None)
    n_converted: Integers = whole_table("n_converted")
    n_codes_redeemed: Integers | None = whole_table("n_codes_redeemed", default=None)
    n_orders: Floats = number_column("n_orders", low=0.0)
    revenue: Floats = number_column("revenue", low=0.0)
    margin: Floats = number_column("margin")
    benefit: Floats = number_column("benefit", low=0.0)
    contact_cost: Floats = number_column("contact_cost", low=0.0)
    revenue_error: Floats = number_column("revenue_error", missing=True)
    n_units: Integers = whole_table("n_units")
    n_treated: Integers = whole_table("n_treated")
    n_control: Integers = whole_table("n_control")
    n_treated_converted: Integers = whole_table("n_treated_converted")
    n_control_converted: Integers = whole_table("n_control_converted")
    converted_effect: Floats = number_column("converted_effect", low=-1.0, high=1.0, missing=True)
    converted_effect_low: Floats = number_column("converted_effect_low", low=-1.0, high=1.0, missing=True)
    converted_effect_high: Floats = number_column("converted_effect_high", low=-1.0, high=1.0, missing=True)
    revenue_effect: Floats = _effect_field("revenue_effect")
    revenue_effect_low: Floats = _effect_field("revenue_effect_low")
    revenue_effect_high: Floats = _effect_field("revenue_effect_high")
    revenue_p_value: Floats = number_column("revenue_p_value", low=0.0, high=1.0, missing=True)
    margin_effect: Floats = _effect_field("margin_effect")
    margin_effect_low: Floats = _effect_field("margin_effect_low")
    margin_effect_high: Floats = _effect_field("margin_effect_high")
    n_all_orders: int = count_field("n_all_orders")
    n_credited_orders: int = count_field("n_credited_orders")
    all_revenue: float = number_field("all_revenue", low=0.0)
    credited_revenue: float = number_field("credited_revenue", low=0.0)
    n_later: int = count_field("n_later", default=0)
    n_open: int = count_field("n_open", default=0)
    n_unmatched: int = count_field("n_unmatched", default=0)
    n_copies: int = count_field("n_copies", default=0)
    n_message_copies: int = count_field("n_message_copies", default=0)

    def __attrs_post_init__(self) -> None:
        n = len(self)
        for name in KEYS:
            if (getattr(self, name) is not None) != (name in self.by):
                raise InputError(name, "given for each name in `by`, and for no other", getattr(self, name))
        for field in attrs.fields(type(self)):
            column = getattr(self, field.name)
            if isinstance(column, np.ndarray) and len(column) != n:
                raise InputError(field.name, f"one for each of the {n} rows", len(column))
        require(~(self.revenue_error < 0), "revenue_error", self.revenue_error, ">= 0")
        if self.n_by_decision.shape[1] != len(DECISIONS):
            raise InputError("n_by_decision", f"with {len(DECISIONS)} columns", self.n_by_decision.shape)
        require_at_most(self, "n_orders", "n_credited_orders", "n_all_orders")
        require_at_most(self, "revenue", "credited_revenue", "all_revenue")
        for name in ("converted_effect", "revenue_effect", "margin_effect"):
            require_ends(self, f"{name}_low", f"{name}_high")
        for whole, parts in _PARTS_OF.items():
            for name in parts:
                if getattr(self, name) is not None:
                    require(getattr(self, name) <= getattr(self, whole), name, getattr(self, name), f"<= `{whole}`")

    def __len__(self) -> int:
        return len(self.n_by_decision)

    def _parts(self) -> Parts:
        of_message = self.revenue_per_message_interval
        return results_parts(
            self.label,
            self.by[0] if self.by else "message",
            (self.revenue, Interval(of_message.low * self.n_sent, of_message.high * self.n_sent)),
            (self.incremental_revenue, self.incremental_revenue_interval),
            self.is_shown,
        )

    @property
    def n_planned(self) -> Integers:
        """Messages that were looked at: those sent, and those not sent for any reason."""
        total: Integers = self.n_by_decision.sum(axis=1)
        return total

    @property
    def n_sent(self) -> Integers:
        """Messages that were sent."""
        return self.n_by_decision[:, _SEND]

    @property
    def n_not_sent(self) -> dict[str, Integers]:
        """Messages that were not sent, by reason; reasons that never occur are left out."""
        found = {word: self.n_by_decision[:, i] for i, word in enumerate(DECISIONS) if i != _SEND}
        return {word: column for word, column in found.items() if column.any()}

    @property
    def revenue_per_message(self) -> Floats:
        """Credited revenue of a message that was sent [money]; NaN where none was sent."""
        return _ratio(self.revenue, self.n_sent)

    @property
    def revenue_per_message_interval(self) -> Interval:
        """Student's interval of the revenue per message, over the customers who got messages [money].

        Spend is skewed: with fewer than some hundred customers it covers the truth less often than `level` says.
        """
        from scipy import special

        degrees = np.maximum(self.n_units - 1, 1)
        half = -special.stdtrit(degrees, (1 - self.level) / 2) * self.revenue_error
        return Interval(_ratio(self.revenue - half, self.n_sent), _ratio(self.revenue + half, self.n_sent))

    @property
    def net(self) -> Floats:
        """Margin of the credited orders, less what was given away and the contacts [money]."""
        return self.margin - self.benefit - self.contact_cost

    @property
    def incremental_revenue(self) -> Floats:
        """Revenue of all compared customers that would not have come without the messages [money]; NaN if not known."""
        return self.revenue_effect * self.n_treated

    @property
    def incremental_revenue_interval(self) -> Interval:
        """Interval of the incremental revenue [money]."""
        return Interval(self.revenue_effect_low * self.n_treated, self.revenue_effect_high * self.n_treated)

    @property
    def incremental_margin(self) -> Floats:
        """Margin of all compared customers that would not have come without the messages [money]; NaN if not known."""
        return self.margin_effect * self.n_treated

    @property
    def is_shown(self) -> npt.NDArray[np.bool_]:
        """Whether a row's effect on the revenue is shown at the level, after Holm's correction for all compared rows.

        Where no row has an effect, at most a share of one minus the level of such tables shows one. The intervals are
        not corrected: each holds by itself.
        """
        shown = np.zeros(len(self), dtype=bool)
        known = np.isfinite(self.revenue_effect_low) & np.isfinite(self.revenue_p_value)
        shown[known] = holm(self.revenue_p_value[known]) < 1 - self.level
        low, high = self.revenue_effect_low, self.revenue_effect_high
        return np.asarray(shown & ((low > 0) | (high < 0)))

    @property
    def label(self) -> npt.NDArray[np.str_]:
        """Labels of each row in one text."""
        columns = [getattr(self, name).tolist() for name in self.by]
        words = [", ".join(str(word) or "-" for word in row) for row in zip(*columns, strict=True)]
        return np.array(words if self.by else ["all messages"] * len(self), dtype=np.str_)

    def share(self, name: str) -> tuple[Floats, Interval]:
        """Share of the messages sent with a reaction or an order, with Wilson's interval.

        The interval takes messages as independent. It is too narrow where customers get several messages, and some of
        them react to most and others to none.

        Parameters
        ----------
        name : {"delivered", "opened", "clicked", "replied", "converted"}
            What is counted.

        Returns
        -------
        (ndarray, Interval)
            Shares of the messages sent, and their interval; NaN where none was sent.

        Raises
        ------
        InputError
            If the name is another one, or no reactions were given.
        """
        require_choice("name", name, _COUNTS)
        count = getattr(self, f"n_{name}")
        if count is None:
            raise InputError("name", "of what was given: these results have no reactions", name)
        low, high = np.full(len(self), np.nan), np.full(len(self), np.nan)
        sent = self.n_sent > 0
        if sent.any():
            low[sent], high[sent] = proportion_interval(count[sent], self.n_sent[sent], level=self.level)
        return _ratio(count, self.n_sent), Interval(low, high)

    def rank(self, *, top: int = 3, rank_by: str = "revenue") -> JourneyRank:
        """Rank the rows, and say how sure the ranks are.

        Parameters
        ----------
        top : int, optional
            How many count as the best, >= 1.
        rank_by : {"revenue", "revenue_per_message", "incremental_revenue", "incremental_margin"}, optional
            Figure by which the rows are ranked.

        Returns
        -------
        JourneyRank
            The rows, the best first, with the probability of each to be the best and among the best `top`.

        Raises
        ------
        InputError
            If `top` or `rank_by` is outside its range, or there are so many rows that comparing each with all others
            would take longer than some ten seconds: 1,443 with the best three.

        Notes
        -----
        The figures count as independent and normal, with their standard errors. Rows without a known error are left out
        and counted.

        Examples
        --------
        >>> from crmvalue.journeys import Cascade, Customers, Orders, Policy, journey_results, plan
        >>> base = Customers(
        ...     customer=[1, 2, 3], dates={"last_purchase": ["2023-08-31"] * 3}, consent={"email": [True] * 3}
        ... )
        >>> made = plan([Cascade()], base, None, None, Policy(), "2024-05-31")
        >>> sold = Orders(customer=[1], time=["2024-06-02T18:00"], revenue=[30], margin=0.3)
        >>> journey_results(made, None, sold, as_of="2024-06-30").rank(top=1).prob_best
        array([1.])
        """
        best = as_whole_number("top", top, low=1)
        require_choice("rank_by", rank_by, RANKED_BY)
        value = getattr(self, rank_by)
        if rank_by == "revenue":
            error = self.revenue_error
        elif rank_by == "revenue_per_message":
            error = _ratio(self.revenue_error, self.n_sent)
        else:
            kind = "revenue" if rank_by == "incremental_revenue" else "margin"
            width = getattr(self, f"{kind}_effect_high") - getattr(self, f"{kind}_effect_low")
            error = width / 2 / _normal_quantile(self.level) * self.n_treated
        return rank_of(self.label, value, error, best, rank_by)

    @property
    def conclusion(self) -> str:
        """What came of the messages in words."""
        credited, all_money = (
            money(x, self.credited_revenue, self.all_revenue) for x in (self.credited_revenue, self.all_revenue)
        )
        text = (
            f"{counted(int(self.n_sent.sum()), 'message')} of {int(self.n_planned.sum()):,} planned went out. "
            f"By the rule {self.credit!r}, they are credited with {self.n_credited_orders:,} of "
            f"{counted(self.n_all_orders, 'order')} and {credited} of {all_money}. "
            "Credit divides orders; it does not say which of them would have come anyway."
        )
        if self.n_copies:
            copies = f"{counted(self.n_copies, 'order is an exact copy', 'orders are exact copies')} of another one"
            text = f"{copies}: if they were read twice, they count twice. {text}"
        if self.n_message_copies:
            n = counted(
                self.n_message_copies, "message has the key of another one", "messages have the key of another one"
            )
            text = f"{n}: if they were read twice, they count twice. {text}"
        known = np.nonzero(np.isfinite(self.revenue_effect_low))[0]
        if not np.isfinite(self.revenue_effect).any():
            if "control group" not in self.n_not_sent:
                return f"{text} Without a control group nothing shows that."
            days = "day is" if self.within_days == 1 else "days are"
            needs = f"customers of both groups in one row whose {self.within_days} {days} over"
            if "channel" in self.by:
                needs += ", and a plan that knows the first channel of each message"
            return f"{text} The control group cannot show it here: that needs {needs}."
        if not len(known):
            return f"{text} The control group does not show it yet: too few customers or orders."
        text = f"{text} Against the control group, {self._about_rows(known)}."
        alone = int(np.count_nonzero((self.n_control == 0) & (self.n_sent > 0)))
        if alone:
            text += f" {counted(alone, 'row')} without customers in the control group: nothing shows it there."
        by_chance = self._by_chance()
        return f"{text} {by_chance[0].upper()}{by_chance[1:]}." if by_chance else text

    def _by_chance(self) -> str:
        """Say how many intervals of several compared rows leave out 0 by chance alone."""
        n = int(np.isfinite(self.revenue_effect_low).sum())
        share = f"{100 * (1 - self.level):.4g} %"
        said = f"of {n} rows, about {share} have an interval without 0 by chance alone"
        return f"{said}; only what holds after Holm's correction is called shown" if n > 1 else ""

    def _about_rows(self, known: Integers) -> str:
        """Name up to three rows whose difference is shown, the largest first; otherwise the largest differences."""
        low, high = map(np.asarray, self.incremental_revenue_interval)
        order = known[np.argsort(-np.abs(self.incremental_revenue[known]), kind="stable")]
        shown = order[self.is_shown[order]]
        said = []
        for i in (shown if len(shown) else order)[:_MOST_NAMED].tolist():
            ends = (self.incremental_revenue[i], low[i], high[i])
            brought, least, most = (money(x, *ends, form="+z,") for x in ends)
            numbers = f"{brought} ({least} to {most})"
            said.append(f"{self.label[i]} brought {numbers}" if len(shown) else f"{self.label[i]} {numbers}")
        rest = len(known) - len(shown)
        if not len(shown):
            return f"no difference is shown: {'; '.join(said)}"
        if len(shown) > _MOST_NAMED:
            said.append(f"{counted(len(shown) - _MOST_NAMED, 'more row shows', 'more rows show')} a difference")
        if rest:
            said.append(f"{counted(rest, 'row shows', 'rows show')} none")
        return "; ".join(said)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind, with shares and intervals."""
        columns: dict[str, npt.NDArray[Any]] = {name: getattr(self, name) for name in self.by}
        columns |= {"n_planned": self.n_planned, "n_sent": self.n_sent}
        columns |= {f"n_{word.replace(' ', '_').replace('-', '_')}": n for word, n in self.n_not_sent.items()}
        for name in _COUNTS:
            if getattr(self, f"n_{name}") is not None:
                share, interval = self.share(name)
                low, high = map(np.asarray, interval)
                columns |= {f"n_{name}": getattr(self, f"n_{name}"), f"share_{name}": share}
                columns |= {f"share_{name}_low": low, f"share_{name}_high": high}
        if self.n_codes_redeemed is not None:
            columns["n_codes_redeemed"] = self.n_codes_redeemed
        names = ("n_orders", "revenue", "margin", "benefit", "contact_cost", "net", "revenue_per_message")
        columns |= {name: getattr(self, name) for name in names}
        low, high = map(np.asarray, self.revenue_per_message_interval)
        columns |= {"revenue_per_message_low": low, "revenue_per_message_high": high}
        low, high = map(np.asarray, self.incremental_revenue_interval)
        return columns | {
            "n_treated": self.n_treated,
            "n_control": self.n_control,
            "converted_effect": self.converted_effect,
            "converted_effect_low": self.converted_effect_low,
            "converted_effect_high": self.converted_effect_high,
            "incremental_revenue": self.incremental_revenue,
            "incremental_revenue_low": low,
            "incremental_revenue_high": high,
            "incremental_margin": self.incremental_margin,
        }

    def to_json(self) -> str:
        """Write the results as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> JourneyResults:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return from_json(cls, text)


def _ratio(part: Any, whole: Any) -> Floats:
    out = np.full(len(whole), np.nan)
    ratio: Floats = np.divide(part, whole, out=out, where=np.asarray(whole) > 0)
    return ratio


def _normal_quantile(level: float) -> float:
    from scipy import special

    return float(-special.ndtri((1 - level) / 2))
