"""Rules of codes and of certificates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import attrs

from crmvalue._codes.policy import CodePolicy, optional_policy
from crmvalue._core.checks import (
    as_end,
    as_name,
    as_ordered_items,
    as_text,
    as_time,
    as_whole_number,
    first_moment_after,
)
from crmvalue._core.labels import moment_repr, moment_text
from crmvalue._core.money import as_currency, as_minor, as_money, exponent_of
from crmvalue._core.values import checked_field, choice_field, optional, repr_of_given
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["CertificateRules", "CodeRules", "as_minor_units", "as_order_amount"]

_REGION = re.compile(r"([A-Z]{2})?", re.ASCII)
_LONGEST_DAYS = 36_525


def as_minor_units(name: str, value: Any, digits: int, *, low: int = 0) -> int:
    """Give an amount of money in minor units, such as cents: a whole number is one already."""
    amount = as_minor(name, as_money(name, value), digits)
    if amount < low:
        raise InputError(name, f"at least {low} in minor units", value)
    return amount


def as_order_amount(
    value: Any, currency: Any, rules: CodeRules | CertificateRules, *, low: int = 0
) -> tuple[int, bool]:
    """Give an amount of an order in minor units, and whether it is in the currency of the rules."""
    given = optional(as_currency)("currency", currency)
    if (given is None) != (rules.currency is None):
        rule = "left out, as in the rules" if rules.currency is None else "given, because the rules have a currency"
        raise InputError(
            "currency", rule, currency, hint="a currency stands in the rules and in each order, or in none"
        )
    is_same = given == rules.currency
    return as_minor_units("amount", value, exponent_of(given, rules.exponent if is_same else None), low=low), is_same


def _region(name: str, value: Any) -> str:
    text = as_text(name, value)
    if not _REGION.fullmatch(text):
        raise InputError(name, "two capital letters such as 'UA', or empty", value)
    return text


def _words(name: str, value: Any) -> tuple[str, ...]:
    return tuple(as_name(name, word) for word in as_ordered_items(name, value, "a list of texts"))


def _whole(name: str, low: int, high: int | None = None, *, or_none: bool = False, **options: Any) -> Any:
    """Field for a whole number, or None where it is allowed."""

    def check(field: str, value: Any) -> int:
        return as_whole_number(field, value, low=low, high=high)

    return checked_field(name, optional(check) if or_none else check, **options)


@attrs.frozen(kw_only=True, repr=False)
class CodeRules:
    """Who may use a code, when, where and how often.

    Parameters
    ----------
    campaign : str
        What the code is for; empty by default. Give it to `codes` of the cart, and as `code` to the promotion.
    starts, ends : date-like, optional
        Time from which and to which the code works, as for a promotion, by the clock of all times of the code. A day as
        the end belongs to the period; a time does not. Always, by default.
    segments, channels : sequence of str
        The customer is in at least one of the segments, and the order comes by one of the channels. All, by default.
    min_amount : int, Decimal or str
        Price of the order, before discounts, that it must reach, >= 0: a whole number in minor units, or "500.00" in
        units of the currency.
    currency : str, optional
        Currency of the amounts, by three letters such as "UAH". With it, each order states its own currency.
    exponent : int, optional
        Decimals of the currency, from 0 to 4; by default those of ISO 4217, and 2 without a currency.
    max_uses, max_uses_per_customer : int or None
        Most uses in all, and by one customer, >= 1; 1 by default, None for no limit.
    hold_minutes : int or None
        Minutes for which an order holds a use until it is paid, >= 1; 30 by default. None: until it is released.
    max_attempts : int
        Wrong attempts in a row after which the code is locked, from 1 to 100; 5 by default.
    policy : CodePolicy, optional
        How the code is written. Without one it is any text, such as SPRING.
    region : str
        Country of phone numbers that are typed without a country code, such as "UA"; empty for none.

    Examples
    --------
    >>> rules = CodeRules(campaign="birthday", ends="2026-03-08", min_amount="500.00")
    >>> rules.min_amount, rules.max_uses
    (50000, 1)
    """

    campaign: str = checked_field("campaign", as_text, default="")
    starts: np.datetime64 | None = checked_field("starts", optional(as_time), default=None, repr=moment_repr)
    ends: np.datetime64 | None = checked_field("ends", optional(as_end), default=None, eq=moment_repr, repr=moment_repr)
    segments: tuple[str, ...] = checked_field("segments", _words, default=())
    channels: tuple[str, ...] = checked_field("channels", _words, default=())
    min_amount: int = 0
    currency: str | None = checked_field("currency", optional(as_currency), default=None)
    exponent: int | None = _whole("exponent", 0, 4, or_none=True, default=None)
    max_uses: int | None = _whole("max_uses", 1, or_none=True, default=1)
    max_uses_per_customer: int | None = _whole("max_uses_per_customer", 1, or_none=True, default=1)
    hold_minutes: int | None = _whole("hold_minutes", 1, 60 * 24 * 366, or_none=True, default=30)
    max_attempts: int = _whole("max_attempts", 1, 100, default=5)
    policy: CodePolicy | None = checked_field("policy", optional_policy, default=None)
    region: str = checked_field("region", _region, default="")

    __repr__ = repr_of_given

    def __attrs_post_init__(self) -> None:
        amount = as_minor_units("min_amount", self.min_amount, exponent_of(self.currency, self.exponent))
        object.__setattr__(self, "min_amount", amount)  # the class is frozen, and needs another field to read this one
        until = self.until
        if self.starts is not None and until is not None and not self.starts < until:
            raise InputError("ends", f"after the start {moment_text(self.starts)}", moment_text(until))

    @property
    def until(self) -> np.datetime64 | None:
        """First moment at which the code no longer works, or None."""
        return None if self.ends is None else first_moment_after(self.ends)


@attrs.frozen(kw_only=True, repr=False)
class CertificateRules:
    """How long gift certificates last, how they are protected, and what may be done with them.

    Parameters
    ----------
    valid_days : int or None
        Days after payment in which a certificate can be spent, from 1 to 36,525; None, the default, for no end.
    refund_days : int
        After a refund the certificate can be spent for at least so many days, from 0 to 36,525; 30 by default. So a
        refund opens a certificate again that has expired.
    cancel_days : int
        Days after payment in which an unused certificate is taken back for money, from 0 to 36,525; 14 by default.
    max_reissues : int
        How often a certificate may be issued again with another code or phone number, from 0 to 100; 3 by default.
    one_time_by : {"time", "counter"}
        Kind of the one-time password. "time" (RFC 6238) holds for its own time step and the next one, and only one is
        accepted in a step. "counter" (RFC 4226) holds until it, or one of the next three, is used.
    password_digits : int
        Digits of the password, from 6 to 8; 6 by default.
    password_seconds : int
        Length of a time step [seconds], from 30 to 3,600; 120 by default.
    max_attempts : int
        Wrong attempts in a row after which the certificate is locked, from 1 to 100; 5 by default.
    currency : str, optional
        Currency of the amounts, by three letters such as "UAH". With it, each order states its own currency.
    exponent : int, optional
        Decimals of the currency, from 0 to 4; by default those of ISO 4217, and 2 without a currency.
    policy : CodePolicy, optional
        How the code of a certificate is written; :class:`CodePolicy` by default, None for any text.
    region : str
        Country of phone numbers that are typed without a country code, such as "UA"; empty for none.

    Examples
    --------
    >>> CertificateRules(valid_days=365, region="UA").one_time_by
    'time'
    """

    valid_days: int | None = _whole("valid_days", 1, _LONGEST_DAYS, or_none=True, default=None)
    refund_days: int = _whole("refund_days", 0, _LONGEST_DAYS, default=30)
    cancel_days: int = _whole("cancel_days", 0, _LONGEST_DAYS, default=14)
    max_reissues: int = _whole("max_reissues", 0, 100, default=3)
    one_time_by: Literal["time", "counter"] = choice_field("one_time_by", ("time", "counter"), default="time")
    password_digits: int = _whole("password_digits", 6, 8, default=6)
    password_seconds: int = _whole("password_seconds", 30, 3600, default=120)
    max_attempts: int = _whole("max_attempts", 1, 100, default=5)
    currency: str | None = checked_field("currency", optional(as_currency), default=None)
    exponent: int | None = _whole("exponent", 0, 4, or_none=True, default=None)
    policy: CodePolicy | None = checked_field("policy", optional_policy, factory=CodePolicy)
    region: str = checked_field("region", _region, default="")

    __repr__ = repr_of_given

    @property
    def step_seconds(self) -> int | None:
        """Length of a time step [seconds], or None for passwords by counter."""
        return self.password_seconds if self.one_time_by == "time" else None
