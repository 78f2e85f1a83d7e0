"""Pairs of records that are probably one customer, scored by splink."""

from __future__ import annotations

import logging
import math
import random
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import as_fraction, as_text, as_whole_number, require, require_same_index
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import columns_of
from crmvalue._core.values import array_columns, label_column, number_column, require_columns, stay_frozen
from crmvalue._profiles.keys import kind_of, normal_keys
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmvalue.typing import ArrayLike, Floats

__all__ = ["ScoredPairs", "score_pairs"]

_COLUMNS = ("first_name", "last_name", "phone", "email", "birthday")
_ONE_AT_A_TIME = threading.Lock()
"""splink sets the level of its logger and draws from `random`; both belong to the process and are put back."""

_BLOCKS = (("phone",), ("email",), ("last_name", "birthday"), ("first_name", "birthday"), ("first_name", "last_name"))
"""Pairs that share one of these are compared; all others are not one customer."""

_MOST_PAIRS = 3_000_000  # that share one of these: about ten seconds
_BELOW_ONE = 1.0 - 2.0**-53  # splink takes the logarithm of the odds

_TRAIN = ("phone", "email", "birthday", "last_name")
"""Among pairs that share one of these, the weights of the other columns are estimated; the first two are taken."""


@stay_frozen
@attrs.frozen(kw_only=True)
class ScoredPairs(Columns):
    """Pairs of records with the probability that they are one customer.

    Parameters
    ----------
    first, second : ndarray
        The records.
    prob : ndarray
        The probability, in [0, 1].

    Examples
    --------
    >>> from crmvalue.profiles import resolve_profiles
    >>> profiles = resolve_profiles([1, 2, 3], {"card": ["a", "b", "c"]}, ["card"])
    >>> joined = profiles.with_scores(ScoredPairs(first=[1], second=[3], prob=[0.97]), min_prob=0.95)
    >>> print(*joined.explain(1, 3))
    1 and 3 share a score of 0.970
    """

    first: npt.NDArray[Any] = label_column("first")
    second: npt.NDArray[Any] = label_column("second")
    prob: Floats = number_column("prob")

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.first), ("second", "prob"), "pairs")
        require((self.prob >= 0) & (self.prob <= 1), "prob", self.prob, "in [0, 1]")

    def __len__(self) -> int:
        return len(self.first)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give a row for each pair, for a dataframe."""
        return array_columns(self)

    def to_json(self) -> str:
        """Write the pairs as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ScoredPairs:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


def score_pairs(
    record: ArrayLike, columns: Mapping[str, ArrayLike], *, region: str = "", min_prob: float = 0.5, seed: int = 1
) -> ScoredPairs:
    """Score pairs of records whose names, phones, e-mails and birthdays are alike, with splink.

    Weights of agreement are estimated from the records themselves, so some hundreds of them are needed. The time grows
    with the pairs that share a value: a million of them take some three seconds, as where 1,400 records have one last
    name.

    Parameters
    ----------
    record : array_like
        Identifier of each record, each once.
    columns : mapping of str to array_like
        At least three of "first_name", "last_name", "phone", "email" and "birthday" (text such as "1990-03-17"), with
        "last_name" and one of "phone", "email" and "birthday" among them. None for a missing value.
    region : str, default ""
        Country of phone numbers without a country code, such as "UA".
    min_prob : float, default 0.5
        Least probability of a pair that is given, in [0, 1].
    seed : int, default 1
        Seed of the pairs that splink draws to see how often strangers agree.

    Returns
    -------
    ScoredPairs
        Pairs for :meth:`Profiles.with_scores`.

    Raises
    ------
    InputError
        If columns are unknown, too few or of different lengths, the records are too few to estimate from, or more than
        3 million pairs of them share a value, which take some ten seconds. Give None for filler values then.
    ModuleNotFoundError
        If splink is not installed; the extra `match` installs it.

    Examples
    --------
    >>> i = list(range(400))
    >>> person = [n % 300 for n in i]  # the last hundred records repeat the first hundred persons
    >>> pairs = score_pairs(
    ...     i,
    ...     {
    ...         "first_name": [["Olena", "Nino", "Elvin", "Ivan"][n % 4] for n in person],
    ...         "last_name": [f"{'abcdefghij'[n % 10]}oval{'klmnopqrst'[n % 7]}" for n in person],
    ...         "email": [f"mail{n}@example.com" if n % 3 else None for n in person],
    ...         "birthday": [f"{1950 + n % 50}-0{1 + n % 9}-1{n % 8}" for n in person],
    ...     },
    ... )
    >>> bool(((pairs.second - pairs.first) == 300).all())
    True
    """
    least = as_fraction("min_prob", min_prob, closed=True)
    start = as_whole_number("seed", seed, low=0)
    given = columns_of("columns", columns)
    for name in given:
        if name not in _COLUMNS:
            raise InputError("columns", f"some of {', '.join(_COLUMNS)}", name)
    if len(given) < 3 or "last_name" not in given or not {"phone", "email", "birthday"} & given.keys():
        raise InputError("columns", "last_name, one of phone, email and birthday, and a third one", list(given))
    require_same_index(record=record, **given)
    names, place = encode_customers("record", record)
    if len(names) != len(place):
        raise InputError("record", "each once", names[np.bincount(place) > 1].tolist()[0])
    order = np.argsort(place)
    table: dict[str, Any] = {"unique_id": np.arange(len(names))}
    country = as_text("region", region) or None
    for name, column in given.items():
        values = normal_keys(name, column, kind_of(name, {}), region=country, sub_address="keep", email_case="fold")
        if len(values) != len(names):
            raise InputError(name, f"as long as `record` ({len(names)} rows)", len(values))
        table[name] = [value or None for value in values[order].tolist()]
    first, second, prob = _predict(table, least, start)
    by = np.lexsort((second, first))
    return ScoredPairs(first=names[first[by]], second=names[second[by]], prob=prob[by])


def _predict(table: dict[str, Any], least: float, seed: int) -> tuple[npt.NDArray[Any], ...]:
    """Fit the ready model to the columns of a table, and give the pairs with their probability."""
    try:
        import splink
        import splink.comparison_library as compare
        from splink.internals.exceptions import EMTrainingException
    except ImportError as error:
        message = "Scores of pairs need splink: pip install 'crmvalue[match]'"
        raise ModuleNotFoundError(message, name="splink") from error

    comparisons: dict[str, Any] = {
        "first_name": lambda: compare.NameComparison("first_name"),
        "last_name": lambda: compare.NameComparison("last_name"),
        "phone": lambda: compare.LevenshteinAtThresholds("phone", [1]),
        "email": lambda: compare.EmailComparison("email"),
        "birthday": lambda: compare.DateOfBirthComparison("birthday", input_is_string=True),
    }
    settings = splink.SettingsCreator(
        link_type="dedupe_only",
        comparisons=[comparisons[name]() for name in _COLUMNS if name in table],
        blocking_rules_to_generate_predictions=[
            splink.block_on(*block) for block in _BLOCKS if all(name in table for name in block)
        ],
        retain_matching_columns=False,
    )
    keys = [name for name in _TRAIN if _repeats(table.get(name, []))][:2]
    _require_few_pairs(table, keys)
    log = logging.getLogger("splink")
    with _ONE_AT_A_TIME:
        level, state = log.level, random.getstate()
        try:
            found = _pairs_of(table, settings, keys, least, seed)
        except (EMTrainingException, ValueError, ZeroDivisionError) as error:  # what it divides by is 0
            rule = "enough records that share a phone, an e-mail or a birthday"
            hint = "the weights of agreement cannot be estimated from these; some hundreds of records, most of them of "
            hint += "different persons, are needed"
            raise InputError("record", rule, len(table["unique_id"]), hint=hint) from error
        finally:
            log.setLevel(level)
            random.setstate(state)
    names = ("unique_id_l", "unique_id_r", "match_probability")
    first, second, prob = (found.column(name).to_numpy() for name in names)
    likely = prob >= least
    return first[likely], second[likely], prob[likely]


def _pairs_of(table: dict[str, Any], settings: Any, keys: list[str], least: float, seed: int) -> Any:
    """Train the model and predict the pairs, as a table of Arrow."""
    import duckdb
    import narwhals as nw
    import splink

    api = splink.DuckDBAPI(duckdb.connect())
    rows = api.register(nw.from_dict(table, backend="pyarrow").to_native())
    linker = splink.Linker(rows, settings, log_level=logging.CRITICAL)
    sure: list[Any] = [splink.block_on(name) for name in ("phone", "email") if name in table] or [
        splink.block_on("last_name", "birthday")
    ]
    linker.training.estimate_probability_two_random_records_match(sure, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=seed)
    for name in keys:
        linker.training.estimate_parameters_using_expectation_maximisation(splink.block_on(name))
    pairs: Any = linker.inference.predict(threshold_match_probability=min(least, _BELOW_ONE))
    return pairs.as_pyarrow_table()


def _require_few_pairs(table: dict[str, Any], keys: list[str]) -> None:
    """Refuse records of which so many share a value that comparing all such pairs would take too long."""
    for block in (*((key,) for key in keys), *_BLOCKS):
        if all(name in table for name in block):
            shared = Counter(key for key in zip(*(table[name] for name in block), strict=True) if None not in key)
            n_pairs = sum(math.comb(n, 2) for n in shared.values())
            if n_pairs > _MOST_PAIRS:
                most = shared.most_common(1)[0][1]
                hint = f"{most:,} records share one value; they make {n_pairs:,} pairs. Give None for filler values"
                rule = f"such that at most {_MOST_PAIRS:,} pairs of records share it"
                raise InputError("columns", rule, " and ".join(block), hint=hint)


def _repeats(column: list[str | None]) -> bool:
    """Whether some value occurs twice."""
    values = [value for value in column if value is not None]
    return len(set(values)) < len(values)
