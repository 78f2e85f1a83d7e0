"""The words of a report: labels from a catalogue of gettext, numbers and days as the language writes them.

The keys of the catalogues are the English labels. `words/uk.po` and its sisters are written by hand, and the file
`.mo` beside each is made of it by ``make words``.
"""

from __future__ import annotations

import gettext
import math
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import attrs

from crmvalue._core.checks import require_choice
from crmvalue._core.labels import decimal, figure, money

if TYPE_CHECKING:
    import numpy as np

    from crmvalue._core.pictures.parts import Form

__all__ = ["LANGUAGES", "Language", "Words", "plain", "words_of"]

Language: TypeAlias = Literal["uk", "ka", "az", "en"]

LANGUAGES: tuple[Language, ...] = get_args(Language)

_LONG = 1e8  # from here on an amount is too long for a phone
_LONGEST_NAME = 60
_FIXED = "\u00a0"  # a space that does not break


class _Form(NamedTuple):
    """How a language writes numbers and days, by the Unicode Common Locale Data Repository (CLDR)."""

    thousands: str
    decimal: str
    day: str


_FORMS: dict[Language, _Form] = {
    "en": _Form(",", ".", "%Y-%m-%d"),
    "uk": _Form(_FIXED, ",", "%d.%m.%Y"),
    "ka": _Form(_FIXED, ",", "%d.%m.%Y"),
    "az": _Form(".", ",", "%d.%m.%Y"),
}


@attrs.frozen
class Words:
    """The labels, numbers and days of one language."""

    language: Language
    catalogue: gettext.NullTranslations

    def __call__(self, text: str, **values: Any) -> str:
        """Give a label in the language, with its values filled in."""
        found = self.catalogue.gettext(text)
        return found % values if values else found

    @property
    def day_pattern(self) -> str:
        """How days are written, as `strftime` has it."""
        return _FORMS[self.language].day

    def day(self, day: np.datetime64) -> str:
        """Write a day."""
        date = day.astype("datetime64[D]").item()
        found: str = date.strftime(self.day_pattern.replace("%Y", f"{date.year:04}"))  # some systems write year 1 as 1
        return found

    def count(self, number: float) -> str:
        """Write a whole number."""
        return self._written(f"{number:,.0f}")

    def number(self, number: float, digits: int = 2) -> str:
        """Write a number with so many decimals."""
        if math.isinf(number):
            return "∞" if number > 0 else "−∞"  # noqa: RUF001 - a minus
        return self._written(f"{number:,.{digits}f}")

    def figure(self, number: float, digits: int = 4) -> str:
        """Write a number with so many significant digits, and all whole ones."""
        return self._in_words(figure(number, digits=digits))

    def money(self, amount: float) -> str:
        """Write an amount: from 1,000 on without its cents, from 100 million on in millions or more.

        One that would be 0.00 has two significant digits.
        """
        if _LONG <= abs(amount) < math.inf:
            least, name = next(scale for scale in self._scales() if abs(amount) >= scale[0])
            return f"{self.number(amount / least, 1)} {name}"
        return self._written(money(amount)) if abs(amount) < 999.5 else self.number(amount, 0)

    def share(self, share: float) -> str:
        """Write a share in percent: one decimal below 10, and where none would make it 100."""
        percent = 100.0 * share
        digits = 0 if 9.95 <= abs(percent) < 99.5 or abs(percent) > 100 - 1e-9 or percent == round(percent) else 1
        if 99.95 <= percent < 100 - 1e-9:
            return f">{self.number(99.9, 1)}{_FIXED}%"
        if 0 < percent < 0.05:
            return f"<{self.number(0.1, 1)}{_FIXED}%"
        if -0.05 < percent < 0:
            return f">{self.number(-0.1, 1)}{_FIXED}%"
        return f"{self.number(percent, digits)}{_FIXED}%"

    def error(self, share: float) -> str:
        """Write by how much something was missed, with its sign."""
        sign = "+" if share > 0 else ""
        return sign + self.share(share)

    def short(self, value: float, form: Form = "number") -> str:
        """Write a number as the axes of pictures do."""
        if not math.isfinite(value):
            return ""
        if form == "share":
            return self.share(value)
        for unit, name in self._scales():
            if abs(value) >= max(unit, 1e4):
                return self._written(f"{float(f'{value / unit:.3g}'):,.15g}") + _FIXED + name
        if form == "count" or abs(value) >= 99.95:
            return self._written(f"{value:,.0f}")
        return self._in_words(decimal(value, 3))

    def _scales(self) -> tuple[tuple[float, str], ...]:
        return (1e9, self("bn")), (1e6, self("M")), (1e3, self("k"))

    def _in_words(self, text: str) -> str:
        return self("almost 0") if text == "almost 0" else self._written(text)

    def _written(self, number: str) -> str:
        """Write a number of Python in the form of the language; a sign before nothing but zeros says nothing."""
        form = _FORMS[self.language]
        bare = number.lstrip("-")
        sign = "−" if number.startswith("-") and bare.strip("0.,") else ""  # noqa: RUF001 - a minus
        return sign + bare.replace(",", "\0").replace(".", form.decimal).replace("\0", form.thousands)


def words_of(language: str) -> Words:
    """Give the words of a language; another one than those of the catalogues is an InputError."""
    require_choice("language", language, LANGUAGES)
    chosen: Any = language
    if language == "en":
        return Words(chosen, gettext.NullTranslations())
    with (resources.files("crmvalue") / "_report" / "page" / "words" / f"{language}.mo").open("rb") as file:
        return Words(chosen, gettext.GNUTranslations(file))


def plain(name: object) -> str:
    """Write a name of the data, such as a customer or a column, without control characters; a very long one is cut."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(name))
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"
