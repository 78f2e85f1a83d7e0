"""Rows whose status says that no sale was made or kept, refunds in a column of their own, and totals in every line."""

from __future__ import annotations

import contextlib
import re
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

from crmvalue._core.headings import key_of
from crmvalue._core.labels import counted
from crmvalue._report.reading.copies import sql_names
from crmvalue._report.reading.places import FileError
from crmvalue._report.reading.sources import MISSING, import_duckdb, literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmvalue._report.reading.sources import Column, Database

__all__ = ["Statuses", "describe_statuses", "treat_statuses"]

_STATUS = re.compile(
    r"statu[st]|статус|стадия|стадія|სტატუს|veziyyet|^orderstate$|^estado|^etat(de(la)?)?(commande)?$|^stanzamow"
)
_OF_OTHERS = re.compile(
    r"customer|client|kunde|member|user|subscri|marital|loyal|клиент|клієнт|მომხმარებ|musteri"
    r"|account|consent|marketing|newsletter|mail|coupon|voucher|gutschein|warrant|garant|tax|vat|mwst"
)
_CANCELLED = re.compile(
    r"^(is|date|order)?(cancell?ed|void(ed)?|refunded)(at|on|date)?$|^storniert(am)?$|^отменена?$|^скасован[оеий]*$"
)
_REFUND = re.compile(
    r"^(order|total|partial)?(refunds?|refunded|refunded?(amount|total)|amountrefunded)(amount)?$"
    r"|^(сумма|сума)?(возврата|возвращено|повернення|повернено)$|^erstattungsbetrag$"
)
_NO_SALE = re.compile(
    r"^(cancel(?!l?able)|void|refund(?!able)|fail|declin|reject|den(y|ied)|expire|chargeback|abandon|unpaid"
    r"|return(?!ing|able)|block|draft|trash|error|incomplete|revers(?!e$)|fraud|storn|abgebrochen|erstattet|fehlgeschlagen|abgelehnt|retour|unbezahlt"
    r"|скасов|відмов|відмін[^н]|анульов|повернен|неуспіш|невдал|відхил|помилк|отмен|отказ|аннулир|возв|неуспешн|ошибк|отклонен"
    r"|провален|недозвон|გაუქმ|დაბრუნ|უარყ|წარუმატ|გადაუხდ|legv|qaytar|imtina|ugursuz|redd|iptal|iade|odenilmeyib"
    r"|annul(?!able)|rembours(?!able)|refuse(d|e?s?)$|echou|echec|erreur|impaye|reembols(?!able)|rechaz|fallid|devuelt"
    r"|devoluc|anula[dc]|impagad|anulow|zwroc|zwrot$|odrzuc|nieudan|nieop[lł]ac|unfulfillable|expira[dt]|caducad|abgelaufen"
    r"|devolvid|recusad|estornad|rimbors|rifiut|restituit|scadut|geannul|terugbetaal|mislukt|geweigerd)"
)
_UNPAID = re.compile(  # pending alone is no payment; pending shipment is a sale
    r"^(wc)?(payment)?pending(payment|paypal)?$|awaiting.*payment|notpaid|nichtbezahlt|очіку(є|ється|вання)оплат|неоплачен|ожида(ет|ется|нии|ние)оплат"
    r"|attente(de|du)paiement|^pagopendiente$|pendientede(l)?pago$|esperadepago$|nopagad|oczek[a-z]*naw?p[lł]at"
    r"|pagamentopendente|(aguardando|esperando)(o)?pagamento|naopag|attesa(di|del)pagamento|nonpagat|nietbetaald"
)
_PART = re.compile(r"^(part|teil|parcial|czesci|част|qismen|ნაწილ)")
_NOT = re.compile(
    r"(not?|non|never|without|nicht|keine?|ohne|pas|sans|jamais|sin|nunca|jamas|nao|niet|nie|bez|не|нет|без|ні|немає)"
    r"( (yet|been|a|ete|encore|zosta[lł][aoy]?|foi|fue|ha sido|stato|wurde))?"
)
_TAKING_BACK = re.compile(
    r"refund|return|cancell?ation|chargeback|devolucion|devolucao|reembolso|anulacion|cancelacion|cancelamento"
    r"|remboursement|retour|annulation|rimborso|reso|zwrotu?|stornierung|ruckgabe|erstattung|возврат|повернення"
)
_REFUSED = re.compile(
    r"declined|rejected|denied|rechazad[ao]|denegad[ao]|negad[ao]|recusad[ao]|refusee?|rifiutat[ao]|odrzucon[aey]"
    r"|abgelehnt|verweigert|отклон[её]н[ао]?|отказан[ао]?|відхилен[аоий]?"  # noqa: RUF001 - Cyrillic
)
_SMALL_WORDS = {
    "request",
    "demande",
    "solicitud",
    "la",
    "le",
    "el",
    "de",
    "del",
    "du",
    "da",
    "do",
    "di",
    "des",
    "l",
    "d",
}
_BELOW = "(^|[^0-9eE.,])[-\u2212]|[(]|[0-9][-\u2212]"  # what is written with an amount below 0
_MOST_STATUSES = 5_000  # combinations of statuses; a column with more is something else
_NAMED = 4
_ORDER = re.compile(
    r"^((amazon)?order|invoice|receipt|basket)(id|no|nr|number)?$|^номер(заказа|замовлення|чека)$"
    r"|^bestellnummer$|^rechnungsnummer$|^შეკვეთისნომერი$|^sifarisnomresi$"
)
_NOT_SO = "[-\u2013\u2014]|0+([.,]0*)?|f|false|no?|nein|нет|ні|xeyr|არა|0000-00-00( 00:00:00)?|(not|non|nicht|не) .*"
_MONEY = r"[^0-9]*[0-9][0-9., ]*[^0-9]*"
_LOOKED_AT = 200_000  # rows among which totals are looked for
_LEAST_ORDERS, _MOST_SAME = 5, 0.9


class Statuses(NamedTuple):
    """What a file says of orders besides their amounts.

    `n_rows` of the rows with a customer, a date and an amount have a status in `no_sale`, which gives the rows of each,
    most first. `n_left_out` rows were left out for their status. `n_refunded` rows have a refund in the column
    `refund`. `n_same` of `n_orders` orders of several rows have the same amount in each of them.
    """

    n_rows: int = 0
    no_sale: tuple[tuple[str, int], ...] = ()
    n_left_out: int = 0
    refund: str = ""
    n_refunded: int = 0
    n_same: int = 0
    n_orders: int = 0


def treat_statuses(
    database: Database,
    columns: list[Column],
    chosen: Mapping[str, Column],
    leave_out: Sequence[str] | None,
    duplicates: str,
) -> Statuses:
    """Count rows by their status, and take those of the statuses `leave_out` out of the view `file`.

    Copies of a row that `duplicates` drops count once, but among the rows that are left out each of them.
    """
    others = [column for column in columns if column not in chosen.values()]
    found = [c for c in others if _STATUS.search(key_of(c.name)) and not _OF_OTHERS.search(key_of(c.name))]
    cancelled = [c for c in others if c not in found and _CANCELLED.search(key_of(c.name))]
    refunds = [c for c in others if c not in found and _REFUND.search(key_of(c.name))][:1]
    flags = [f"case when {_is_so(c)} then {literal(c.name)} end" for c in cancelled]
    refunded = " or ".join(f"({_has_money(c)} and regexp_matches({_text(c)}, '[1-9]'))" for c in refunds) or "false"
    used = " and ".join(_given(column) for role, column in chosen.items() if role != "quantity") or "true"
    for role in chosen.keys() & {"amount", "quantity"}:  # a refund in a row of its own is taken off
        used += f" and not regexp_matches(coalesce({_text(chosen[role])}, ''), '{_BELOW}')"
    n_used = f"count(distinct hash({sql_names(columns)}))" if duplicates == "drop" else "count(*)"
    combinations: list[tuple[Any, ...]] = []
    if found or cancelled or refunds:
        counts = f"coalesce({refunded}, false), count(*), {n_used} filter ({used})"
        with contextlib.suppress(import_duckdb("reading files").Error):
            found, combinations = _combine(database, found, flags, counts)
    signs = [*map(_text, found), *flags]
    dropped = _leave_out(database, signs, combinations, leave_out)
    n_of: dict[str, int] = {}
    n_rows = n_left_out = n_refunded = 0
    for *names, is_refund, n_all, n in combinations:
        if not dropped.isdisjoint(_keys(names)):
            n_left_out += n_all
            continue
        n_refunded += n if is_refund else 0
        ended = [name for name in names[: len(found)] if name and _is_none(name)]
        ended += filter(None, names[len(found) :])
        n_rows += n if ended else 0
        for name in dict.fromkeys(ended):
            n_of[name] = n_of.get(name, 0) + n
    if n_left_out and n_left_out == sum(n for *_, n, _ in combinations):
        raise FileError("--leave-out", "--leave-out must leave some rows of the file", leave_out)
    no_sale = sorted(((name, n) for name, n in n_of.items() if n), key=lambda pair: (-pair[1], pair[0]))
    refund = refunds[0].name if n_refunded else ""
    n_same, n_orders = _count_totals(database, others, chosen)
    return Statuses(n_rows, tuple(no_sale), n_left_out, refund, n_refunded, n_same, n_orders)


def _combine(
    database: Database, found: Sequence[Column], flags: Sequence[str], counts: str
) -> tuple[list[Column], list[tuple[Any, ...]]]:
    """Count the rows of each combination of statuses; of too many, leave out the column with most different texts."""
    kept = list(found)
    while True:
        cells = ", ".join([*map(_text, kept), *flags, counts])
        sql = f"select {cells} from file group by all limit {_MOST_STATUSES + 1}"  # noqa: S608 - our own names, and quoted ones
        combinations = database.execute(sql).fetchall()
        if len(combinations) <= _MOST_STATUSES or not kept:
            return kept, combinations
        different = ", ".join(f"approx_count_distinct({_text(column)})" for column in kept)
        numbers = database.execute(f"select {different} from file").fetchone()  # noqa: S608 - our own names, and quoted ones
        del kept[numbers.index(max(numbers))]


def _leave_out(
    database: Database, signs: Sequence[str], combinations: Sequence[tuple[Any, ...]], leave_out: Sequence[str] | None
) -> set[str]:
    """Take rows with some statuses out of the view `file`; give the keys of these statuses."""
    dropped = set(map(_key, leave_out or ()))
    if not dropped:
        return dropped
    names = {name for row in combinations for name in row[: len(signs)] if name}
    for asked in leave_out or ():
        if _key(asked) not in _keys(names):
            known = ", ".join(map(repr, sorted(names)[:20])) or "no column looks like a status"
            raise FileError("--leave-out", f"--leave-out must be a status of the rows ({known}); got {asked!r}", asked)
    exact = ", ".join(literal(name) for name in sorted(names) if _key(name) in dropped)
    unsold = " or ".join(f"coalesce({sign} in ({exact}), false)" for sign in signs)
    database.execute(
        f"alter view file rename to whole_file; create view file as select * from whole_file where not ({unsold})"  # noqa: S608 - our own names, and quoted ones
    )
    return dropped


def _count_totals(database: Database, others: Sequence[Column], chosen: Mapping[str, Column]) -> tuple[int, int]:
    """Count the orders of several rows, and those with one amount in all of them, which is rather their total."""
    orders = [column for column in others if _ORDER.search(key_of(column.name))]
    if len(orders) != 1 or "amount" not in chosen or "quantity" in chosen:
        return 0, 0
    amount = _text(chosen["amount"])
    with contextlib.suppress(import_duckdb("reading files").Error):
        for limit in (f"limit {_LOOKED_AT}", ""):  # all rows are counted only if the first ones look like totals
            sql = f"""
                select count(*) filter (low = high), count(*) from (
                    select min(amount) as low, max(amount) as high
                    from (select {_text(orders[0])} as number, {amount} as amount from file
                          where {_given(chosen["amount"])} and regexp_matches({amount}, '[1-9]') {limit})
                    where number <> '' group by number having count(*) > 1)
                """  # noqa: S608 - our own names, and quoted ones
            n_same, n_orders = database.execute(sql).fetchone()
            if n_orders < _LEAST_ORDERS or n_same < _MOST_SAME * n_orders:
                return 0, 0
        return int(n_same), int(n_orders)
    return 0, 0


def _keys(names: Any) -> set[str]:
    return {_key(name) for name in names if name}


def _key(name: str) -> str:
    """Give a status without capitals, also of the Turkish i, and a whole number without decimals."""
    key = name.strip().casefold().replace("\u0307", "").replace("\u0131", "i")
    return re.sub(r"^(-?[0-9]+)\.0$", r"\1", key)


def _text(column: Column) -> str:
    return f"trim(cast({column.sql} as varchar))"


def _given(column: Column) -> str:
    return f"coalesce(lower({_text(column)}), '') not in ({', '.join(map(literal, MISSING))})"


def _is_so(column: Column) -> str:
    """Give the SQL for the rows that a column such as `cancelled` says so of; money in `refunded` is a refund."""
    so = f"{_given(column)} and not regexp_full_match(lower({_text(column)}), {literal(_NOT_SO)})"
    return f"{so} and not {_has_money(column)}" if _REFUND.search(key_of(column.name)) else so


def _has_money(column: Column) -> str:
    """Give the SQL for the rows that have money in a column of refunds; a number 1 in `refunded` may mean yes."""
    text = f"coalesce({_text(column)}, '')"
    money = f"regexp_full_match({text}, {literal(_MONEY)})"
    return f"({money} and {text} not in ('1', '1.0'))" if _CANCELLED.search(key_of(column.name)) else money


def _is_none(status: str) -> bool:
    """Whether a status is that of no finished sale."""
    key, words = key_of(status), [key_of(word) for word in re.findall(r"[^\W_]+", status)]
    if _UNPAID.search(key):
        return True
    if any(map(_PART.search, words)) or _is_refused([word for word in words if word not in _SMALL_WORDS]):
        return False
    ended = [place for place, word in enumerate(words) if _NO_SALE.search(word)]
    return any(not _is_denied(words[max(place - 2, 0) : place]) for place in ended)


def _is_refused(words: Sequence[str]) -> bool:
    """Whether a status says that a return was refused, in two words: the sale stands."""
    return len(words) == 2 and any(map(_TAKING_BACK.fullmatch, words)) and any(map(_REFUSED.fullmatch, words))


def _is_denied(before: Sequence[str]) -> bool:
    """Whether the two words before another one turn its meaning round, such as "not yet" before "returned"."""
    return any(_NOT.fullmatch(" ".join(words)) for words in (before, before[-1:]))


def describe_statuses(statuses: Statuses, n_rows: int) -> list[str]:
    """Say which rows have a status of no finished sale or a refund, and how to leave them out, in lines."""
    lines = []
    if statuses.n_left_out:
        lines.append(f"Left out, because of their status: {statuses.n_left_out:,} of the rows.")
    if statuses.no_sale:
        names = [f"{name!r} ({n:,})" for name, n in statuses.no_sale]
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        options = " ".join(f"--leave-out {_quoted(name)}" for name, _ in statuses.no_sale[:_NAMED])
        options += ", and the others so too" if more else ""
        have = "has" if statuses.n_rows == 1 else "have"
        listed = ", ".join(names[:_NAMED]) + more
        lines += [
            f"{statuses.n_rows:,} of {counted(n_rows, 'row')} {have} a status of no finished sale: {listed}.",
            f"Such rows count like the others. To leave them out, give {options}.",
        ]
    if statuses.n_refunded:
        rows = counted(statuses.n_refunded, "row")
        lines.append(f"Column {statuses.refund!r} has a refund in {rows}: it is not taken off the amounts.")
        lines.append("If it should be, write the amount without it into the file.")
    if statuses.n_same:
        same = f"{statuses.n_same:,} of {counted(statuses.n_orders, 'order')}"
        lines.append(f"Of the orders of several rows, {same} have the same amount in each row.")
        lines.append("If it is the total of the order, it counts several times: keep one row of each order.")
    return lines


def _quoted(name: str) -> str:
    return shlex.quote(name) if name.isprintable() else repr(name)
