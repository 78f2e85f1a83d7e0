"""What every model is: its parameters, written as JSON text and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from crmvalue._core.json import from_json, to_json
from crmvalue._models.shared.covariates import CovariateEffect

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Model"]


class Model:
    """Parameters that predict; a base class, so that the public methods and their docstrings stand once."""

    __slots__ = ()

    _nested_in: ClassVar[tuple[str, ...]] = ()
    """Classes of which this one is a special case, with fewer parameters."""

    _elsewhere: ClassVar[str | None] = None
    """What to do where a function of purchase models does not take this one."""

    def to_json(self) -> str:
        """Write the parameters as JSON text.

        Returns
        -------
        str
            A JSON object of the parameters and the name of the model.

        Examples
        --------
        >>> from crmvalue.models import GammaGamma
        >>> GammaGamma(6.25, 3.74, 15.44).to_json()
        '{"schema": 1, "kind": "GammaGamma", "p": 6.25, "q": 3.74, "gamma": 15.44}'
        """
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote, and check it.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        model
            An equal model of this class.

        Raises
        ------
        InputError
            If the text is of another model or a parameter is outside its range.

        Examples
        --------
        >>> from crmvalue.models import GammaGamma
        >>> model = GammaGamma(6.25, 3.74, 15.44)
        >>> GammaGamma.from_json(model.to_json()) == model
        True
        """
        return from_json(cls, text, CovariateEffect)
