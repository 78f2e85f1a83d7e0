"""Codes for the messages of a plan, the same ones whenever they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._codes.generate import as_source, draw_codes, places_of
from crmvalue._codes.policy import NOT_SHOWN, CodePolicy
from crmvalue._core.checks import as_flag, as_ordered_items
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import Given, array_columns, given_field, hand_over, of_class, read_only, stay_frozen
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue.typing import ArrayLike

__all__ = ["MessageCodes", "codes_for_messages"]


def _texts(name: str, value: Any, *, is_secret: bool) -> npt.NDArray[np.str_]:
    if isinstance(value, Given):
        return read_only(value)
    shown = NOT_SHOWN if is_secret else type(value).__name__
    texts = [] if isinstance(value, str | bytes | Mapping) else as_ordered_items(name, value, "a column of texts")
    if isinstance(value, str | bytes | Mapping) or not all(isinstance(text, str) for text in texts):
        raise InputError(name, "a column of texts", shown)
    if any(text.endswith("\0") for text in texts):
        raise InputError(name, "texts that do not end in a null character, which numpy cuts off", shown)
    return read_only(hand_over(text_array(texts)))


def _text_field(name: str, show: Callable[[npt.NDArray[np.str_]], str]) -> Any:
    """Field for a column of texts, with its own way to show it."""
    return given_field(
        converter=lambda value: _texts(name, value, is_secret=show is _hidden),
        eq=attrs.cmp_using(eq=np.array_equal),
        repr=show,
    )


def _short(column: npt.NDArray[np.str_]) -> str:
    return np.array2string(column, threshold=6, edgeitems=3, separator=", ")


def _hidden(column: npt.NDArray[np.str_]) -> str:
    return f"<{len(column)} codes, not shown>"


@stay_frozen
@attrs.frozen(kw_only=True)
class MessageCodes(Columns):
    """The code of each message; columns of equal length. Codes are secrets: they are not shown.

    Parameters
    ----------
    key : ndarray of str
        Keys of messages, each once, as :attr:`crmvalue.journeys.Plan.key` gives them.
    code : ndarray of str
        Their codes, each once.

    See Also
    --------
    codes_for_messages : Makes them.

    Examples
    --------
    >>> MessageCodes(key=["birthday|1"], code=["SPRING"])
    MessageCodes(key=['birthday|1'], code=<1 codes, not shown>)
    """

    key: npt.NDArray[np.str_] = _text_field("key", _short)
    code: npt.NDArray[np.str_] = _text_field("code", _hidden)

    def __attrs_post_init__(self) -> None:
        if len(self.key) != len(self.code):
            raise InputError("code", f"as long as `key` ({len(self.key)})", len(self.code))
        for name in ("key", "code"):
            column = getattr(self, name)
            n_different = len(np.unique(column))
            if n_different != len(column):
                raise InputError(name, "each once", f"{n_different} different ones of {len(column)}")

    def __len__(self) -> int:
        return len(self.key)

    def of(self, keys: ArrayLike) -> npt.NDArray[np.str_]:
        """Give the codes of some messages, in the order of their keys; an unknown key raises."""
        wanted = _texts("keys", keys, is_secret=False)
        order = np.argsort(self.key)
        place = np.searchsorted(self.key, wanted, sorter=order)
        found = order[np.minimum(place, len(order) - 1)] if len(order) else np.zeros(len(wanted), dtype=np.int64)
        is_known = self.key[found] == wanted if len(order) else np.zeros(len(wanted), dtype=np.bool_)
        if not is_known.all():
            index = int(np.argmin(is_known))
            raise InputError("keys", "keys of messages that have a code", str(wanted[index]), index=index)
        codes: npt.NDArray[np.str_] = self.code[found]
        return codes

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give both columns by name, for a dataframe of any kind: the codes are in it."""
        return array_columns(self)

    def to_json(self, *, show_codes: bool = False) -> str:
        """Write the keys as JSON text, and the codes only if they are asked for."""
        if as_flag("show_codes", show_codes):
            return to_json(self)
        return to_json(self, code=None)

    @classmethod
    def from_json(cls, text: str | bytes) -> MessageCodes:
        """Read what :meth:`to_json` wrote with `show_codes=True`; other text raises. The error does not show it."""
        with suppress(InputError):
            return from_json(cls, text)
        rule = "what `to_json(show_codes=True)` wrote"
        raise InputError("text", rule, NOT_SHOWN, hint="without the codes it cannot be read back")


def codes_for_messages(
    keys: ArrayLike,
    policy: CodePolicy,
    *,
    assigned: MessageCodes | None = None,
    rng: np.random.Generator | None = None,
) -> MessageCodes:
    """Give each message of a plan a code of its own, the same one whenever it is asked for.

    Parameters
    ----------
    keys : sequence of str
        Keys of messages, such as ``made.key[(made.decision == "send") & (made.journey == "birthday")]`` of a
        :class:`crmvalue.journeys.Plan`, where the journey "birthday" promises a code. A key that occurs twice is one
        message.
    policy : CodePolicy
        How the codes are written.
    assigned : MessageCodes, optional
        Result of the last call. Its messages keep their codes, also where the policy has changed.
    rng : numpy.random.Generator, optional
        Source of new codes for tests and examples only, as in :func:`generate_codes`.

    Returns
    -------
    MessageCodes
        The earlier messages first and then the new ones: give it to the next call. Store it before messages are sent,
        with a unique constraint on the key, so that a run that breaks off sends no second code.

    Raises
    ------
    InputError
        If an argument breaks its rule, or if there are not enough possible codes.

    Examples
    --------
    >>> import numpy as np
    >>> policy, rng = CodePolicy(), np.random.default_rng(1)
    >>> monday = codes_for_messages(["birthday|1", "birthday|2"], policy, rng=rng)
    >>> tuesday = codes_for_messages(["birthday|2", "birthday|3"], policy, assigned=monday, rng=rng)
    >>> tuesday.key.tolist()
    ['birthday|1', 'birthday|2', 'birthday|3']
    >>> bool(tuesday.of(["birthday|2"]) == monday.of(["birthday|2"]))
    True
    """
    wanted = _texts("keys", keys, is_secret=False).tolist()
    checked, source = of_class(CodePolicy)("policy", policy), as_source(rng)
    none = hand_over(np.zeros(0, dtype=np.str_))
    earlier = MessageCodes(key=none, code=none) if assigned is None else of_class(MessageCodes)("assigned", assigned)
    known = set(earlier.key.tolist())
    new = [key for key in dict.fromkeys(wanted) if key not in known]
    if not new:
        return earlier
    existing = places_of(checked, earlier.code, skip_others=True)  # what is no code of this policy cannot come again
    codes = draw_codes("keys", checked, len(new), existing, source)
    return MessageCodes(
        key=hand_over(text_array([*earlier.key.tolist(), *new])),
        code=hand_over(np.concatenate([earlier.code, codes])),
    )
