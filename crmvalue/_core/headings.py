"""Which column of a file or a dataframe is the customer, the date, the amount: guessed from the headings.

The headings may be English, German, Ukrainian, Russian, Georgian or Azerbaijani. Case, spaces, hyphens,
underscores, accents and currencies do not matter. A heading that is one of the names below counts more than one that
contains a word of them, such as "Client ref". What is seldom meant, such as a phone or a weekday, counts least.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

__all__ = ["ARGUMENTS", "OPTIONS", "ROLES", "Form", "choose_columns", "key_of", "listed"]

ROLES = ("customer", "date", "amount", "quantity")

_NAMES = {  # for each role: the best names, then weaker ones; names in one line are equally good
    "customer": (
        (
            "customer, customer id, cust id, customer no, customer number, customer nr, customer code, customer key,"
            "household, household id, household key, client, client id, client no, client number, client code, buyer,"
            "buyer id, buyer username, shopper, shopper id, purchaser, purchaser id,"
            "kunde, kunden, kunden id, kundennummer, kundennr, kundenkennung, kundencode, käufer, käufer id,"
            "käufernummer, besteller, auftraggeber,"
            "клієнт, клієнт id, id клієнта, ід клієнта, код клієнта, номер клієнта, покупець, id покупця, ід покупця,"
            "код покупця, номер покупця, замовник, id замовника, код замовника,"
            "клиент, клиент id, id клиента, ид клиента, код клиента, номер клиента, покупатель, id покупателя,"
            "ид покупателя, код покупателя, номер покупателя, заказчик, id заказчика, код заказчика,"
            "მომხმარებელი, მომხმარებლის id, მომხმარებლის კოდი, მომხმარებლის ნომერი, კლიენტი, კლიენტის id,"
            "კლიენტის კოდი, კლიენტის ნომერი, მყიდველი, მყიდველის id, მყიდველის კოდი, მყიდველის ნომერი,"
            "müştəri, müştəri id, müştəri no, müştəri kodu, müştəri nömrəsi, müştərinin kodu, müştərinin nömrəsi,"
            "alıcı, alıcı id, alıcı no, alıcı kodu, alıcı nömrəsi, alıcının kodu, alıcının nömrəsi, sifarişçi"
        ),
        (
            "cust, guest, guest id, payer, payer id, subscriber, subscriber id, donor, donor id, kd nr, kd nummer,"
            "user, user id, member, member id, member no, member number, account, account id, account no,"
            "account number, benutzer, benutzer id, nutzer, nutzer id, mitglied, mitgliedsnummer, kundenkonto,"
            "haushalt,"
            "користувач, id користувача, контрагент, пользователь, id пользователя, плательщик,"
            "istifadəçi, istifadəçi id"
        ),
        (
            "contact, contact id, person, person id, card, card no, card number, kartennummer, kundenkarte,"
            "номер картки, контакт, номер карты,"
            "ბარათის ნომერი, kart nömrəsi"
        ),
        (
            "email, customer email, client email, buyer email, contact email, billing email, email billing,"
            "from email address,"
            "e-mail adresse, електронна пошта, email покупця, email клієнта, электронная почта, email покупателя,"
            "email клиента, ელფოსტა, e-poçt"
        ),
        (
            "phone, phone number, customer phone, client phone, buyer phone number, telefon, telefonnummer,"
            "телефон, номер телефону, телефон покупця, телефон клієнта, номер телефона, телефон покупателя,"
            "телефон клиента, ტელეფონი, telefon nömrəsi"
        ),
        (
            "customer name, client name, buyer name, kundenname, ім'я клієнта, піб, піб клієнта, піб покупця,"
            "имя клиента, имя покупателя, фио, фио клиента, фио покупателя, მომხმარებლის სახელი, müştərinin adı"
        ),
    ),
    "date": (
        (
            "date, order date, date of order, purchase date, date of purchase, transaction date, invoice date,"
            "sale date,"
            "sales date, ordered at, purchased at, ordered on, purchased on, order timestamp, purchase timestamp,"
            "transaction timestamp, order datetime, purchase datetime, transaction datetime, invoice datetime,"
            "order time, purchase time, transaction time, order day,"
            "datum, bestelldatum, kaufdatum, rechnungsdatum, auftragsdatum, belegdatum, verkaufsdatum,"
            "transaktionsdatum,"
            "bestellzeitpunkt, kaufzeitpunkt, bestellt am, gekauft am,"
            "дата, дата замовлення, дата покупки, дата купівлі, дата продажу, дата чека, дата транзакції,"
            "дата операції, дата заказа, дата продажи, дата транзакции, дата операции, дата документа,"
            "дата оформления, дата оформления заказа, дата и время заказа,"
            "თარიღი, შეკვეთის თარიღი, შესყიდვის თარიღი, შეძენის თარიღი, ყიდვის თარიღი, გაყიდვის თარიღი,"
            "ტრანზაქციის თარიღი,"
            "tarix, sifariş tarixi, alış tarixi, satış tarixi, əməliyyat tarixi, sifarişin tarixi"
        ),
        (
            "created at, created, datetime, timestamp, date time, event time, event date, event timestamp, order dt,"
            "purchase dt, transaction dt, date created, created date, created utc, created date utc, date added,"
            "date add, buchungsdatum, zeitpunkt, zeitstempel, дата створення, дата й час,"
            "дата та час, дата создания, дата и время, дата добавления, tarix və vaxt"
        ),
        "payment date, paid at, zahlungsdatum, дата оплати, дата оплаты, გადახდის თარიღი, ödəniş tarixi",
        "time, day, tag, час, день, время, დრო, დღე, vaxt, gün",
    ),
    "amount": (
        (
            "amount, total, total amount, order amount, order total, order value, total price, total value, line total,"
            "line amount, revenue, sales, sales value, sales amount, net sales, gross sales, spend, spent, turnover,"
            "purchase amount, transaction amount, invoice amount, amount paid, paid amount, grand total, net amount,"
            "grand total base, order total amount, order total inc tax, total paid,"
            "gross amount, net revenue, gross revenue, gmv,"
            "betrag, umsatz, summe, gesamt, gesamtbetrag, gesamtsumme, gesamtpreis, gesamtwert, bestellwert,"
            "bestellsumme,"
            "warenwert, auftragswert, kaufbetrag, rechnungsbetrag, nettobetrag, bruttobetrag, nettoumsatz,"
            "bruttoumsatz,"
            "zahlbetrag, erlös,"
            "сума, сума замовлення, сума покупки, сума чека, сума продажу, загальна сума, виручка, до сплати,"
            "сумма, сумма заказа, сумма покупки, сумма чека, сумма продажи, сумма продаж, общая сумма,"
            "итоговая сумма, сумма документа, сумма к оплате, выручка, к оплате,"
            "თანხა, ჯამი, ჯამური თანხა, საერთო თანხა, შეკვეთის თანხა, შეკვეთის ჯამი, გადახდილი თანხა,"
            "məbləğ, cəmi, cəm, ümumi məbləğ, yekun məbləğ, sifariş məbləği, sifarişin məbləği, satış məbləği,"
            "ödənilən məbləğ"
        ),
        (
            "money, netto, brutto, payment value, разом до сплати,"
            "value, sum, paid, monetary, monetary value, dollar value, subtotal, payment, wert, zahlung,"
            "grand total purchased, order total ex tax,"
            "вартість, вартість замовлення, загальна вартість, разом, всього, усього, оборот,"
            "сумма оплаты, стоимость, стоимость заказа, общая стоимость, итоговая стоимость, итого, всего,"
            "ღირებულება, შეკვეთის ღირებულება, სულ, ბრუნვა, შემოსავალი, dəyər, yekun, gəlir, dövriyyə"
        ),
        "gross",
    ),
    "quantity": (
        (
            "quantity, qty, units, quantity ordered, order quantity, order qty, pieces, number of items, n items,"
            "item count, number of units, unit count,"
            "menge, anzahl, stück, stückzahl, bestellmenge, einheiten,"
            "кількість, к-сть, кількість товару, кількість одиниць, кількість штук, шт, штук,"
            "количество, кол-во, количество товара, количество товаров, количество единиц, количество штук,"
            "რაოდენობა, ცალი, ერთეული, miqdar, miqdarı, say, sayı, ədəd"
        ),
        "count",
    ),
    "price": (
        (
            "unit price, price each, price per unit, price per item, price per piece, item price, unit cost price,"
            "einzelpreis, stückpreis, einheitspreis, preis pro stück, preis je stück, preis pro einheit,"
            "ціна за одиницю, ціна одиниці, ціна за шт, ціна за штуку, вартість одиниці,"
            "цена за единицу, цена единицы, цена за шт, цена за штуку, стоимость единицы,"
            "ერთეულის ფასი, ცალის ფასი, ერთეულის ღირებულება,"
            "vahid qiyməti, vahidin qiyməti, ədəd qiyməti, bir ədədin qiyməti"
        ),
        "price, preis, verkaufspreis, ціна, цена, ფასი, qiymət, qiyməti",
    ),
}
_WORDS = {  # a heading that contains one of these counts less
    "customer": "customer customers client buyer household shopper purchaser kunde käufer клієнт клієнта "
    "покупець покупця замовник замовника клиент клиента покупатель покупателя заказчик заказчика "
    "მომხმარებელი მომხმარებლის კლიენტი კლიენტის მყიდველი მყიდველის "
    "müştəri müştərinin alıcı alıcının",
    "date": "date timestamp datetime datum дата თარიღი tarix tarixi",
    "amount": "amount revenue turnover spend betrag umsatz summe сума виручка сумма выручка თანხა ჯამი məbləğ məbləği",
    "quantity": "quantity qty menge anzahl кількість количество რაოდენობა miqdar miqdarı",
    "price": "price preis ціна цена ფასი qiymət qiyməti",
}
_PARTS = {  # German writes words together: Kundenreferenz, Auftragseingangsdatum
    "customer": "kunden käufer",
    "date": "datum",
    "amount": "betrag umsatz summe",
    "quantity": "menge",
    "price": "preis",
}
_OTHER = {  # a heading that contains one of these means something else
    "customer": "age gender sex country city region state zip address type segment group since status birth date count "
    "rating review note notes comment comments message "
    "tier level service amount total spend alter geschlecht land stadt adresse gruppe datum "
    "тип вік "
    "стать місто країна адреса дата сума група статус коментар примітка возраст пол город страна адрес сумма группа "
    "комментарий примечание ქალაქი ქვეყანა მისამართი თარიღი თანხა ჯგუფი ასაკი "
    "şəhər ölkə ünvan tarixi məbləği qrup yaşı",
    "date": "birth birthday ship shipped shipping delivery delivered due return returned update updated modified "
    "signup registration registered expiry refund refunded cancelled canceled upd geburts liefer "
    "versand fällig rückgabe народження доставки відправлення "
    "реєстрації повернення зміни оновлення закриття рождения отправления отгрузки регистрации возврата изменения "
    "обновления закрытия დაბადების მიწოდების მიტანის რეგისტრაციის doğum çatdırılma qeydiyyat qaytarma",
    "amount": "tax vat discount shipping freight tip fee count items quantity qty units currency type steuer "
    "mwst rabatt versand menge податок податку пдв знижка знижки доставки комісія комісії комісій налог налога "
    "ндс скидка скидки комиссия комиссии бонусов возврат возврата возвращено დღგ ფასდაკლება ფასდაკლების მიწოდების "
    "vergi ədv endirim çatdırılma refund return refunded returned cancelled canceled due outstanding rückgabe "
    "erstattet erstattung storno offen повернення повернено დაბრუნება დაბრუნებული qaytarma qaytarılan",
    "quantity": "price stock preis lager ціна залишок цена остаток возврат возврата возвращено ფასი qiymət "
    "refund return refunded returned cancelled canceled "
    "rückgabe storno повернення повернено დაბრუნება დაბრუნებული qaytarma qaytarılan",
    "price": "discount list type currency cost rabatt знижка знижки скидка скидки закупочная ფასდაკლება endirim",
}
_NUMBERS = "id no nr number code key nummer kennung код номер ід კოდი ნომერი kod kodu nömrə nömrəsi"
_CURRENCIES = frozenset(
    {"eur", "euro", "usd", "gbp", "chf", "pln", "uah", "gel", "azn", "rub", "kzt", "грн", "лари", "тенге", "manat"}
    | {"руб"}  # noqa: RUF001 - Cyrillic
)
_OF_ALL_PIECES = frozenset({"itemprice", "itemtax", "shippingprice"})
"""Headings of reports of Amazon, whose item-price is the money of the whole row."""

_GOOD = 2  # so many tiers of names count more than a heading that contains a word; the others count less
_MISSED = 100  # rank of a heading that fits no role


class Form(NamedTuple):
    """How a problem names a role, gives it a column, and calls what has the columns."""

    role: Callable[[str], str]
    give: Callable[[str, str], str]
    place: str


OPTIONS = Form(
    "--{}".format, lambda role, name: f"--{role} {shlex.quote(name) if name.isprintable() else repr(name)}", "file"
)
"""For the options of the command."""

ARGUMENTS = Form("`{}`".format, "{}={!r}".format, "frame")
"""For the arguments of a function."""


def _words(heading: str) -> list[str]:
    """Split a heading into plain words: lower case, no accents, no signs."""
    text = unicodedata.normalize("NFKC", heading)
    text = "".join(
        " " + here if here.isupper() and (before.islower() or (before.isupper() and after.islower())) else here
        for before, here, after in zip(" " + text, text, text[1:] + " ", strict=False)
    )
    text = unicodedata.normalize("NFKD", text.casefold().translate({ord("ı"): "i", ord("ə"): "e"}))
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
    return re.findall(r"[^\W_]+", text)


def key_of(heading: str) -> str:
    """Give what tells a heading from others: its letters and digits, in lower case and without accents."""
    return "".join(_words(heading))


def _spellings(names: str, separator: str | None) -> frozenset[str]:
    """Give the keys of names, those with ä, ö and ü also as ae, oe and ue."""
    both = f"{names}{separator or ' '}{names.translate({228: 'ae', 246: 'oe', 252: 'ue'})}"
    return frozenset(map(key_of, both.split(separator)))


_KEYS = {role: tuple(_spellings(names, ",") for names in tiers) for role, tiers in _NAMES.items()}
_KEY_WORDS = {role: _spellings(words, None) for role, words in _WORDS.items()}
_KEY_PARTS = {role: _spellings(parts, None) for role, parts in _PARTS.items()}
_KEY_OTHER = {role: _spellings(words, None) for role, words in _OTHER.items()}
_KEY_NUMBERS = _spellings(_NUMBERS, None)


def _rank(words: Sequence[str], role: str) -> int:
    """Tell how well the words of a heading fit a role: 0 is best."""
    key = "".join(words)
    for tier, keys in enumerate(_KEYS[role]):
        if key in keys:
            return tier if tier < _GOOD else tier + 2
    inside = any(word.startswith(part) or word.endswith(part) for word in words for part in _KEY_PARTS[role])
    if not inside and _KEY_WORDS[role].isdisjoint(words):
        return _MISSED
    if any(other in words or (len(other) > 4 and other in key) for other in _KEY_OTHER[role]):
        return _MISSED
    numbered = not _KEY_NUMBERS.isdisjoint(words) or any(word.endswith(("nummer", "nr")) for word in words)
    return _GOOD if numbered else _GOOD + 1


def _best(headings: Mapping[str, Sequence[str]], role: str, taken: Collection[str]) -> list[str]:
    """Give the headings that fit a role best; several if they fit equally well."""
    ranks = {name: _rank(words, role) for name, words in headings.items() if name not in taken}
    best = min(ranks.values(), default=_MISSED)
    return [name for name, rank in ranks.items() if rank == best < _MISSED]


def choose_columns(
    names: Sequence[str], asked: Mapping[str, str | None], *, form: Form = OPTIONS
) -> tuple[dict[str, str], list[tuple[str, str, str | None]]]:
    """Find the column of each role; columns that are not named are guessed. `form` names a role in a problem.

    Gives the columns found, and all problems: the option, the sentence, and the name that the user gave. Of columns
    that fit equally well, it gives the first and a problem.
    """
    chosen: dict[str, str] = {}
    problems: list[tuple[str, str, str | None]] = []
    for role, wanted in asked.items():
        if wanted is not None:
            same = {name for name in names if name == wanted} or {n for n in names if n.lower() == wanted.lower()}
            if len(same) == 1:
                chosen[role] = same.pop()
            else:
                sentence = f"{form.role(role)} must be a column of the {form.place} ({listed(names)}); got {wanted!r}"
                problems.append((form.role(role), sentence, wanted))
    headings = {name: [word for word in _words(name) if word not in _CURRENCIES] for name in names}
    for role in ("customer", "date"):
        if asked.get(role) is None:
            best = _best(headings, role, chosen.values())
            if best:
                chosen[role] = _first(role, f"a {role}", best, problems, form)
            else:
                sentence = f"{form.role(role)} must be named: no column looks like a {role} ({listed(names)})"
                problems.append((form.role(role), sentence, None))
    if asked.get("amount") is None:
        _choose_amount(headings, asked, chosen, problems, form)
    return {role: chosen[role] for role in ROLES if role in chosen}, problems


def _choose_amount(
    headings: Mapping[str, Sequence[str]],
    asked: Mapping[str, str | None],
    chosen: dict[str, str],
    problems: list[tuple[str, str, str | None]],
    form: Form,
) -> None:
    """Guess the amount: money of the row, or the price of one piece beside a quantity."""
    taken = list(chosen.values())
    amounts = _best(headings, "amount", taken) if asked.get("quantity") is None else []
    prices = _best(headings, "price", taken)
    quantities = _best(headings, "quantity", taken) if asked.get("quantity") is None else taken
    if not amounts and asked.get("quantity") is None and set(map("".join, headings.values())) >= _OF_ALL_PIECES:
        amounts = prices
    if amounts:
        chosen["amount"] = _first("amount", "an amount", amounts, problems, form)
    elif asked.get("quantity") is not None:
        if not prices:
            amount, shown = form.role("amount"), listed(list(headings))
            sentence = f"{amount} must be named: no column looks like the price of one piece ({shown})"
            problems.append((amount, f"{sentence}, and {form.role('quantity')} is for such a price", None))
        else:
            chosen["amount"] = _first("amount", "the price of one piece", prices, problems, form)
    elif prices and quantities:
        chosen["amount"] = _first("amount", "the price of one piece", prices, problems, form)
        chosen["quantity"] = _first("quantity", "a quantity", quantities, problems, form)
    else:  # a price without a quantity is the money of the row, unless it says that it is that of one piece
        prices = [name for name in prices if _rank(headings[name], "price") > 0]
        if prices:
            chosen["amount"] = _first("amount", "an amount", prices, problems, form)


def _first(role: str, what: str, best: list[str], problems: list[tuple[str, str, str | None]], form: Form) -> str:
    """Give the first of the columns that fit a role equally well; if there are several, note how to choose."""
    if len(best) > 1:
        ways = " or ".join(form.give(role, name) for name in best[:8])
        sentence = f"{form.role(role)} must be named: {len(best)} columns look equally like {what}. Give {ways}"
        problems.append((form.role(role), sentence, None))
    return best[0]


def listed(names: Sequence[str]) -> str:
    """List the columns of a file, at most 20."""
    shown = ", ".join(_printable(name) for name in names[:20])
    return shown if len(names) <= 20 else f"{shown}, ... {len(names) - 20} more"


def _printable(name: str) -> str:
    """Show a name: one with signs that a terminal would obey is quoted and escaped, and a long one is cut."""
    name = name if len(name) <= 60 else f"{name[:57]}..."
    return name if name.isprintable() else repr(name)
