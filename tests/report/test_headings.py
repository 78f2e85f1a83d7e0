"""Columns guessed from their headings in six languages, and what is said when that is impossible."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crmvalue.__main__ import main
from crmvalue._core.headings import choose_columns
from crmvalue._report.reading.orders import FileProblemsError, read_orders
from crmvalue.errors import InputError

pytest.importorskip("duckdb")

NOTHING = {"customer": None, "date": None, "amount": None, "quantity": None}
LANGUAGES = {
    "English": "Order No,Household ID,Transaction Timestamp,Sales Value,Store",
    "English, camel case": "OrderNo,ShopperID,PurchasedAt,NetSales,Store",
    "German": "Bestellnummer,Kundennummer,Bestelldatum,Umsatz (EUR),Filiale",
    "German without umlauts": "Bestellnummer,KAEUFER,Kaufdatum,Erloes,Filiale",
    "Ukrainian": "Номер замовлення,Покупець,Дата замовлення,Сума,Магазин",
    "Russian": "Номер заказа,Покупатель,Дата заказа,Сумма,Магазин",
    "Russian, of accounts": "Номер,Контрагент,Дата,Сумма документа,Склад",
    "Georgian": "შეკვეთის ნომერი,მომხმარებელი,შეკვეთის თარიღი,თანხა,მაღაზია",
    "Azerbaijani": "Sifariş nömrəsi,Müştəri,Sifariş tarixi,Məbləğ,Mağaza",
    "Azerbaijani without its letters": "Sifaris nomresi,ALICI,TARIX,CEMI,Magaza",
}


def choose(*names, **asked):
    return choose_columns(names, {**NOTHING, **asked})


class TestChooseColumns:
    """An exact name before a heading that contains one; equals are listed; all problems at once."""

    @pytest.mark.parametrize("header", LANGUAGES.values(), ids=LANGUAGES)
    def test_six_languages(self, header):
        names = header.split(",")
        assert choose(*names) == ({"customer": names[1], "date": names[2], "amount": names[3]}, [])

    def test_a_list_of_payments(self):
        """The heading row of the activity report of PayPal."""
        names = ["Date", "Time", "TimeZone", "Name", "Type", "Status", "Currency", "Gross", "Fee", "Net"]
        found = choose(*names, "From Email Address", "To Email Address", "Transaction ID")
        assert found == ({"customer": "From Email Address", "date": "Date", "amount": "Gross"}, [])

    @pytest.mark.parametrize(
        ("price", "quantity"),
        [
            ("unit_price", "quantity"),
            ("PriceEach", "QUANTITYORDERED"),
            ("Einzelpreis", "Stückzahl"),
            ("Preis je Stück", "Menge"),
            ("Ціна за одиницю", "Кількість"),
            ("Ціна, грн", "к-сть"),
            ("Цена за единицу", "Количество"),
            ("Цена, руб.", "Кол-во"),  # noqa: RUF001 - Cyrillic
            ("ერთეულის ფასი", "რაოდენობა"),
            ("Vahid qiyməti", "Miqdar"),
            ("Qiymət (AZN)", "Say"),
        ],
    )
    def test_a_price_of_one_piece_beside_a_quantity(self, price, quantity):
        found = {"customer": "client", "date": "day", "amount": price, "quantity": quantity}
        assert choose("client", "day", price, quantity) == (found, [])

    @pytest.mark.parametrize(
        ("role", "names", "best"),
        [
            ("customer", ["Client ref", "client_id"], "client_id"),
            ("customer", ["Client name", "Client ID 2"], "Client ID 2"),
            ("customer", ["user_id", "customer_id"], "customer_id"),
            ("customer", ["\ufeffCustomerID", "Customer country", "customer_age"], "\ufeffCustomerID"),
            ("customer", ["Kundenreferenz", "Kundenalter"], "Kundenreferenz"),
            ("customer", ["Ім'я клієнта", "Код клієнта"], "Код клієнта"),
            ("date", ["Дата покупки", "Дата народження"], "Дата покупки"),
            ("date", ["Geburtsdatum", "Auftragseingangsdatum"], "Auftragseingangsdatum"),
            ("date", ["delivery_date", "created-at", "ORDER DATE"], "ORDER DATE"),
            ("date", ["InvoiceDateUTC", "day"], "InvoiceDateUTC"),
            ("customer", ["Контактный телефон", "ФИО", "Комментарий покупателя", "Email"], "Email"),
            ("date", ["Дата доставки", "Дата и время заказа", "Дата изменения"], "Дата и время заказа"),
            ("date", ["Created date (UTC)", "Refunded date (UTC)"], "Created date (UTC)"),
            ("amount", ["Сумма скидки", "Сумма НДС", "Сумма заказа", "Сумма оплаты"], "Сумма заказа"),
            ("amount", ["Grand Total (Base)", "Grand Total (Purchased)", "Subtotal"], "Grand Total (Base)"),
            ("amount", ["total_paid", "payment", "total_discounts"], "total_paid"),
            ("amount", ["Order Subtotal Amount", "Order Total Amount"], "Order Total Amount"),
            ("date", ["Paid at", "Created at"], "Created at"),
            ("date", ["created_at", "Report date"], "created_at"),
            ("amount", ["Total discount amount", "Sum"], "Sum"),
            ("amount", ["Betrag MwSt", "Rechnungsbetrag €"], "Rechnungsbetrag €"),
            ("amount", ["price", "sales_value"], "sales_value"),
        ],
    )
    def test_the_better_of_several(self, role, names, best):
        others = {"customer": "client", "date": "day", "amount": "total"}
        names = [*names, *(name for other, name in others.items() if other != role)]
        assert choose(*names)[0][role] == best

    @pytest.mark.parametrize(
        "name",
        [
            "unit_price", "Kundenalter", "birth_date", "discount amount", "order_id", "", "№", "Refund Amount",
            "InvoiceAmountDue", "Сума повернення", "Erstattungsbetrag", "Amount Refunded", "Qty returned",
        ],
    )  # fmt: skip
    def test_what_is_none(self, name):
        """An export whose total had an odd name took its refunds for revenue."""
        found, problems = choose(name)
        assert found == {}
        assert [option for option, *_ in problems] == ["--customer", "--date"]

    def test_a_report_of_a_marketplace_has_the_money_of_all_pieces(self):
        """Its help says: all amounts are aggregates of the quantity, not unit prices."""
        names = ["buyer-email", "purchase-date", "quantity-purchased", "item-price", "item-tax", "shipping-price"]
        found = {"customer": "buyer-email", "date": "purchase-date", "amount": "item-price"}
        assert choose(*names) == (found, [])
        assert choose(*names, quantity="quantity-purchased")[0]["quantity"] == "quantity-purchased"
        assert choose(*names[:-1])[0]["quantity"] == "quantity-purchased"

    def test_equals_are_listed_with_how_to_choose(self):
        found, problems = choose("client", "Order Date", "Sale date", "revenue", "it's", "total")
        assert found == {"customer": "client", "date": "Order Date", "amount": "revenue"}
        assert [sentence for _, sentence, _ in problems] == [
            "--date must be named: 2 columns look equally like a date. Give --date 'Order Date' or --date 'Sale date'",
            "--amount must be named: 2 columns look equally like an amount. Give --amount revenue or --amount total",
        ]
        assert choose("client", "Order Date", "Sale date", "revenue", "total", date="Order Date", amount="total") == (
            {"customer": "client", "date": "Order Date", "amount": "total"},
            [],
        )

    def test_a_named_quantity_needs_a_price(self):
        _, problems = choose("client", "day", "pieces", "total", quantity="pieces")
        assert problems[0][1].startswith("--amount must be named: no column looks like the price of one piece (client")
        assert choose("client", "day", "n", "total", quantity="n", amount="total")[1] == []

    def test_a_column_is_used_once(self):
        assert choose("user", "date", "total", customer="total")[0] == {"customer": "total", "date": "date"}


FILES = {
    "English": (
        "customer_id,order_date,quantity,unit_price\n1,2024-01-31,2,10.50\n1,2024-03-28,3,1.50\n",
        "amount = 'quantity' x 'unit_price' (guessed)",
    ),
    "German": (
        "Kunden-Nr.;Bestelldatum;Gesamtbetrag\n0017;31.01.2024;1.021,00 €\n0017;28.03.2024;-995,50 €\n",
        "customer = 'Kunden-Nr.' (guessed), date = 'Bestelldatum' (guessed), amount = 'Gesamtbetrag' (guessed)",
    ),
    "Ukrainian": (
        "Клієнт;Дата покупки;Ціна, грн;Кількість\n17;31.01.2024;10,50;2\n17;28.03.2024;3,00;1,5\n",
        "amount = 'Кількість' x 'Ціна, грн' (guessed)",
    ),
    "Georgian": (
        "მყიდველი,თარიღი,ჯამი\nნინო,31/01/2024,21\nნინო,28/03/2024,4.5\n",
        "customer = 'მყიდველი' (guessed), date = 'თარიღი' (guessed), amount = 'ჯამი' (guessed)",
    ),
    "Azerbaijani": (
        "\ufeffMÜŞTƏRİ KODU\tSİFARİŞ TARİXİ\tÜMUMİ MƏBLƏĞ\nA1\t31.01.2024\t21,00\nA1\t28.03.2024\t4,50\n",
        "customer = 'MÜŞTƏRİ KODU' (guessed), date = 'SİFARİŞ TARİXİ' (guessed), amount = 'ÜMUMİ MƏBLƏĞ' (guessed)",
    ),
}


class TestCommand:
    """Nothing has to be named twice."""

    @pytest.mark.parametrize(("content", "says"), FILES.values(), ids=FILES)
    def test_five_files(self, tmp_path, capsys, content, says):
        path = tmp_path / "orders.csv"
        path.write_text(content, "utf-8")
        assert main([str(path)]) == 0
        printed = capsys.readouterr().out
        assert says in printed
        assert "2024-01-31 to 2024-03-28" in printed
        assert "25.50" in printed

    def test_quantity(self, tmp_path, capsys):
        path = tmp_path / "orders.parquet"
        columns = {"who": [1, 1, 2, 2], "day": ["2024-01-01", "2024-01-02", "2024-02-01", "2024-02-02"]}
        columns |= {"n": [2, -1, 3, None], "price": [5.0, 5.0, 0.5, 7.0]}
        pq.write_table(pa.table(columns), path)
        orders = read_orders(str(path), customer="who", quantity="n")
        assert (orders.columns["quantity"], orders.guessed) == ("n", {"date", "amount"})
        assert main([str(path), "--customer", "who", "--quantity", "n", "--refunds", "net"]) == 0
        printed = capsys.readouterr().out
        assert "amount = 'n' x 'price' (guessed)" in printed
        assert "6.50" in printed
        assert "without an amount" in printed
        assert main([str(path), "--customer", "who", "--quantity", "n", "--amount", "price"]) == 0
        assert "amount = 'n' x 'price'.\n" in capsys.readouterr().out
        assert main(["--quantity", "n"]) == 2
        assert "--quantity must be given together with a FILE" in capsys.readouterr().err

    def test_how_to_take_a_guessed_product_back(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("client,day,price,qty\na,2024-01-01,5,2\na,2024-03-01,7,3\n")
        assert main([str(path)]) == 0
        assert "If 'price' is the money of the whole row, give --amount price.\n" in capsys.readouterr().out
        assert main([str(path), "--amount", "price"]) == 0
        printed = capsys.readouterr().out
        assert "12.00" in printed
        assert "whole row" not in printed

    def test_all_problems_at_once(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("who;Order Date;Preis;Menge\na;01/02/2024;1,200;x\nb;03/04/2024;2,100;2\n")
        assert main([str(path)]) == 2
        heading, *problems = capsys.readouterr().err.splitlines()
        assert heading == f"crmvalue: {str(path)!r} has 4 problems:"
        for problem, says in zip(
            problems,
            (
                "- --customer must be named: no column looks like a customer (who, Order Date, Preis, Menge)",
                "- dates such as '01/02/2024' in column 'Order Date' can be read as day/month/year or month/day/year: ",
                "- the sign in amounts such as '1,200' in column 'Preis' can stand before decimals or thousands: give",
                "- 'x' in column 'Menge' is no number (1 such row). Hint: write quantities as 12 or 1.5",
            ),
            strict=True,
        ):
            assert problem.startswith(says)
        assert problems[1].endswith("give --date-format %d/%m/%Y or %m/%d/%Y")
        assert problems[2].endswith("--decimal . or --decimal ,")
        path.write_text(path.read_text().replace("x", "1"))
        assert main([str(path), "--customer", "who", "--date-format", "%d/%m/%Y", "--decimal", ","]) == 0

    def test_equals_are_read_too(self, tmp_path, capsys):
        """So that the form of the dates is not asked for later."""
        path = tmp_path / "orders.csv"
        path.write_text("client,order date,sale date\na,01/02/2024,01/02/2024\nb,03/04/2024,3/4/2024\n")
        assert main([str(path)]) == 2
        _, choice, form = capsys.readouterr().err.splitlines()
        assert choice.endswith("Give --date 'order date' or --date 'sale date'")
        assert form.startswith("- dates such as '01/02/2024' in column 'order date' can be read as day/month/year or")
        assert main([str(path), "--date", "sale date", "--date-format", "%d/%m/%Y"]) == 0
        path.write_text("client,order date,sale date\na,soon,2024-01-01\n")
        assert main([str(path)]) == 2
        assert "soon" not in capsys.readouterr().err

    def test_all_wrong_values_at_once(self, tmp_path):
        path = tmp_path / "orders.csv"
        path.write_text("client,day,price,qty\na,2024-01-01,five,2\na,soon,1,1\na,2024-01-03,3,two\n")
        with pytest.raises(FileProblemsError) as caught:
            read_orders(str(path))
        said = [str(problem) for problem in caught.value.problems]
        assert [sentence.partition(" (")[0] for sentence in said] == [
            "'soon' in column 'day' is no date of the form year-month-day",
            "'five' in column 'price' is no number",
            "'two' in column 'qty' is no number",
        ]
        assert all(sentence in str(caught.value) for sentence in said)

    def test_a_product_above_the_limit(self, tmp_path):
        path = tmp_path / "orders.csv"
        path.write_text("client,day,price,qty\na,2024-01-01,1e10,1e10\n")
        with pytest.raises(InputError, match=r"^'1e10' in column 'price' is above 1e15, alone or times 'qty'"):
            read_orders(str(path))

    def test_spend_is_total_or_mean(self, capsys):
        printed = {}
        for spend in ("total", "mean"):
            assert main(["--spend", spend]) == 0
            printed[spend] = capsys.readouterr().out
        assert main([]) == 0
        assert capsys.readouterr().out == printed["total"] != printed["mean"]
        with pytest.raises(SystemExit):
            main(["--spend", "median"])
