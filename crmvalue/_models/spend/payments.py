"""Draws of the money of future purchases, for any model of spend.

What a customer pays is a scale, which their past gives, times a level of theirs, times a number for each purchase.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import attrs
import numpy as np

from crmvalue._models.spend.gamma_gamma import GammaGamma, repeat_spend
from crmvalue._models.spend.spend_model import known_of, level_draws, purchase_draws, purchase_moments

if TYPE_CHECKING:
    from crmvalue._models.spend.any_model import AnySpend
    from crmvalue._models.spend.spend_model import SpendModel
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Floats

__all__ = ["MANY", "Payments", "payments_of"]

MANY = 4096.0
"""Purchases beyond which a sum is drawn as a gamma variate of the same mean and variance."""


class Payments:
    """Draws for customers with x repeat purchases; a base class for the two kinds of models."""

    __slots__ = ()

    mean: float
    """Of the number of one purchase, given the level."""
    variance: float
    sums_are_exact: bool
    """Whether the sum of many purchases is drawn as easily as one."""

    @abstractmethod
    def scale(self, history: PurchaseHistory, horizon: float | None) -> Floats:
        """Give the scale of each customer [money]."""

    @abstractmethod
    def levels(self, x: Floats, rng: np.random.Generator) -> Floats:
        """Draw the level of each customer over the scale."""

    @abstractmethod
    def purchases(self, size: int, rng: np.random.Generator) -> Floats:
        """Draw purchases over the level."""

    @abstractmethod
    def sums(self, count: Floats, rng: np.random.Generator) -> Floats:
        """Draw the sum of so many purchases over the level, for each count."""


@attrs.frozen
class _OfGammaGamma(Payments):
    """The sum of k purchases is gamma(p k) over the customer's own nu, which is gamma(q + p x, gamma + x m)."""

    model: GammaGamma
    sums_are_exact: bool = True

    @property
    def mean(self) -> float:  # type: ignore[override]  # it cannot be set here
        return self.model.p

    @property
    def variance(self) -> float:  # type: ignore[override]  # it cannot be set here
        return self.model.p

    def scale(self, history: PurchaseHistory, horizon: float | None) -> Floats:  # noqa: ARG002 - it knows no season
        frequency, spend, bought = repeat_spend(history)
        return self.model.gamma + np.where(bought, frequency * spend, 0.0)

    def levels(self, x: Floats, rng: np.random.Generator) -> Floats:
        return 1.0 / rng.standard_gamma(self.model.q + self.model.p * x)

    def purchases(self, size: int, rng: np.random.Generator) -> Floats:
        return rng.standard_gamma(self.model.p, size)

    def sums(self, count: Floats, rng: np.random.Generator) -> Floats:
        return rng.standard_gamma(self.model.p * count)


@attrs.frozen
class _OfAmounts(Payments):
    """A model of single amounts: purchases are drawn one by one."""

    model: SpendModel
    mean: float
    variance: float
    sums_are_exact: bool = False

    def scale(self, history: PurchaseHistory, horizon: float | None) -> Floats:
        return known_of(self.model, history, horizon).scale

    def levels(self, x: Floats, rng: np.random.Generator) -> Floats:
        return level_draws(self.model, x + self.model.use_first, rng)

    def purchases(self, size: int, rng: np.random.Generator) -> Floats:
        return purchase_draws(self.model, size, rng)

    def sums(self, count: Floats, rng: np.random.Generator) -> Floats:
        many = count > MANY
        owner = np.repeat(np.arange(len(count)), np.where(many, 0.0, count).astype(np.int64))
        found: Floats = np.bincount(owner, weights=self.purchases(len(owner), rng), minlength=len(count)).astype(float)
        at_once = count[many] * self.mean**2 / self.variance
        found[many] = rng.standard_gamma(at_once) * (self.variance / self.mean)
        return found


def payments_of(model: AnySpend) -> Payments:
    """Give the draws of a model of spend."""
    if isinstance(model, GammaGamma):
        return _OfGammaGamma(model)
    return _OfAmounts(model, *purchase_moments(model))
