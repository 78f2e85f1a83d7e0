"""Key figures of campaigns, programmes and complaints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmvalue._core.checks import as_floats, require
from crmvalue._metrics.common import per_unit, share

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, FloatOrArray

__all__ = [
    "click_through_rate",
    "click_to_open_rate",
    "complaint_rate",
    "conversion_rate",
    "cost_per_contact",
    "open_rate",
    "participation_rate",
    "redemption_rate",
    "return_on_investment",
    "return_rate",
]


def open_rate(n_opened: ArrayLike, n_delivered: ArrayLike) -> FloatOrArray:
    """Share of delivered messages that were opened.

    Parameters
    ----------
    n_opened : array_like
        Messages opened at least once, <= `n_delivered`.
    n_delivered : array_like
        Messages delivered (sent without those that bounced), > 0.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Fraction in [0, 1].

    Raises
    ------
    InputError
        If a count is no whole number >= 0, `n_delivered` is 0 or smaller than `n_opened`.

    Notes
    -----
    ``n_opened / n_delivered``, counting messages and not openings. Some mail programs load images by themselves, which
    counts as an opening of an unread message. So this rate is an upper bound.

    Examples
    --------
    >>> print(open_rate(230, 1_000))
    0.23
    """
    return share(n_opened=n_opened, n_delivered=n_delivered)


def click_through_rate(n_clicked: ArrayLike, n_delivered: ArrayLike) -> FloatOrArray:
    """Share of delivered messages, or of shown advertisements, that were clicked.

    Parameters
    ----------
    n_clicked : array_like
        Messages or impressions clicked at least once, <= `n_delivered`.
    n_delivered : array_like
        Messages delivered, or impressions, > 0.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Fraction in [0, 1].

    Raises
    ------
    InputError
        If a count is no whole number >= 0, `n_delivered` is 0 or smaller than `n_clicked`.

    Notes
    -----
    ``n_clicked / n_delivered``. The share of opened messages is :func:`click_to_open_rate`.

    Examples
    --------
    >>> print(click_through_rate(46, 1_000))
    0.046
    """
    return share(n_clicked=n_clicked, n_delivered=n_delivered)


def click_to_open_rate(n_clicked: ArrayLike, n_opened: ArrayLike) -> FloatOrArray:
    """Share of opened messages that were clicked.

    Parameters
    ----------
    n_clicked : array_like
        Messages clicked at least once, <= `n_opened`. A clicked message counts as opened, even if its tracking image
        was blocked.
    n_opened : array_like
        Messages opened at least once, > 0.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Fraction in [0, 1].

    Raises
    ------
    InputError
        If a count is no whole number >= 0, `n_opened` is 0 or smaller than `n_clicked`.

    Notes
    -----
    ``n_clicked / n_opened``; :func:`open_rate` times this is :func:`click_through_rate`.

    Examples
    --------
    >>> print(click_to_open_rate(46, 230))
    0.2
    """
    return share(n_clicked=n_clicked, n_opened=n_opened)


def conversion_rate(n_converted: ArrayLike, n_entered: ArrayLike) -> FloatOrArray:
    """Share of the people at a step who reached its goal.

    Parameters
    ----------
    n_converted : array_like
        Visitors, recipients or leads who reached the goal, each counted once, <= `n_entered`.
    n_entered : array_like
        Visitors, recipients or leads at the step, > 0.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Fraction in [0, 1].

    Raises
    ------
    InputError
        If a count is no whole number >= 0, `n_entered` is 0 or smaller than `n_converted`.

    Notes
    -----
    ``n_converted / n_entered``. A funnel has one such rate for each step, and one from its entry to its end.

    Examples
    --------
    >>> conversion_rate([300, 120], [500, 300])
    array([0.6, 0.4])
    """
    return share(n_converted=n_converted, n_entered=n_entered)


def cost_per_contact(cost: ArrayLike, n_contacts: ArrayLike) -> FloatOrArray:
    """Cost of one contact with a customer.

    Parameters
    ----------
    cost : array_like
        Cost of all contacts [money], >= 0.
    n_contacts : array_like
        Contacts, > 0.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Money per contact.

    Raises
    ------
    InputError
        If an input is NaN or infinite, `cost` is negative or `n_contacts` is not above 0.

    Notes
    -----
    ``cost / n_contacts``.

    Examples
    --------
    >>> print(cost_per_contact(1_200, 800))
    1.5
    """
    return per_unit(cost=cost, n_contacts=n_contacts)


def participation_rate(n_members: ArrayLike, n_customers: ArrayLike) -> FloatOrArray:
    """Share of customers who take part in the loyalty programme.

    Parameters
    ----------
    n_members : array_like
        Customers in the programme, <= `n_customers`.
    n_customers : array_like
        Customers who could join, > 0.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Fraction in [0, 1].

    Raises
    ------
    InputError
        If a count is no whole number >= 0, `n_customers` is 0 or smaller than `n_members`.

    Notes
    -----
    ``n_members / n_customers``. For the active participation, count only members who were active in the period.

    Examples
    --------
    >>> print(participation_rate(1_500, 2_500))
    0.6
    """
    return share(n_members=n_members, n_customers=n_customers)


def redemption_rate(n_redeemed: ArrayLike, n_issued: ArrayLike) -> FloatOrArray:
    """Share of issued rewards, points or codes that were redeemed.

    Parameters
    ----------
    n_redeemed : array_like
        Issued rewards, points or codes that were redeemed, <= `n_issued`.
    n_issued : array_like
        Rewards, points or codes issued, > 0.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Fraction in [0, 1].

    Raises
    ------
    InputError
        If a count is no whole number >= 0, `n_issued` is 0 or smaller than `n_redeemed`.

    Notes
    -----
    ``n_redeemed / n_issued``, both of one issue. Do not divide the redemptions of a month by the rewards issued in it:
    these are different issues, and the ratio may exceed 1, which raises.

    Examples
    --------
    >>> print(redemption_rate(340, 1_000))
    0.34
    """
    return share(n_redeemed=n_redeemed, n_issued=n_issued)


def return_rate(n_returned: ArrayLike, n_sold: ArrayLike) -> FloatOrArray:
    """Share of sold items, or of orders, that came back.

    Parameters
    ----------
    n_returned : array_like
        Sold items or orders that were returned, <= `n_sold`.
    n_sold : array_like
        Items or orders sold, > 0.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Fraction in [0, 1].

    Raises
    ------
    InputError
        If a count is no whole number >= 0, `n_sold` is 0 or smaller than `n_returned`.

    Notes
    -----
    ``n_returned / n_sold``, both of one set of sales. Wait until these sales can no longer be returned.

    Examples
    --------
    >>> print(return_rate(12, 400))
    0.03
    """
    return share(n_returned=n_returned, n_sold=n_sold)


def complaint_rate(n_complained: ArrayLike, n_orders: ArrayLike) -> FloatOrArray:
    """Share of orders that led to a complaint.

    Parameters
    ----------
    n_complained : array_like
        Orders with at least one complaint, <= `n_orders`.
    n_orders : array_like
        Orders, > 0.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Fraction in [0, 1].

    Raises
    ------
    InputError
        If a count is no whole number >= 0, `n_orders` is 0 or smaller than `n_complained`.

    Notes
    -----
    ``n_complained / n_orders``. For the share of customers who complained, count customers in both arguments.

    Examples
    --------
    >>> print(complaint_rate(6, 400))
    0.015
    """
    return share(n_complained=n_complained, n_orders=n_orders)


def return_on_investment(gain: ArrayLike, cost: ArrayLike) -> FloatOrArray:
    """Net gain of a campaign per unit of money spent on it.

    Parameters
    ----------
    gain : array_like
        Gain from the campaign *before* its cost [money]. Use margin rather than revenue, and only the part that would
        not have come without the campaign. May be negative.
    cost : array_like
        Cost of the campaign [money], > 0.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Fraction: 0 is break-even, -1 all lost, 0.5 half a unit won per unit spent.

    Raises
    ------
    InputError
        If an input is NaN or infinite, or `cost` is not above 0.

    Notes
    -----
    ``(gain - cost) / cost``.

    Examples
    --------
    >>> print(return_on_investment(15_000, 10_000))
    0.5
    """
    gained, spent = as_floats(gain=gain, cost=cost)
    require(spent > 0, "cost", spent, "> 0")
    return ((gained - spent) / spent)[()]
