"""Cancelled orders, refunds in a column of their own, totals in every line, guests, and e-mails in capitals."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from crmvalue._report.reading.orders import read_orders
from crmvalue._report.reading.places import FileError
from crmvalue._report.reading.spoiled import describe_spoiled
from crmvalue._report.reading.statuses import Statuses, describe_statuses
from crmvalue._report.reading.totals import describe_totals, find_guests

pytest.importorskip("duckdb")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

SHOP = """Name,Email,Financial Status,Currency,Subtotal,Total,Created at,Lineitem quantity,Lineitem price,Cancelled at,\
Refunded Amount
#1,a@x.com,paid,EUR,10.00,12.00,2024-01-05 10:20:30 +0200,1,5.00,,0.00
#1,a@x.com,,,,,2024-01-05 10:20:30 +0200,1,5.00,,
#2,b@x.com,refunded,EUR,20.00,22.00,2024-01-06 10:20:30 +0200,2,10.00,,22.00
#3,b@x.com,Voided,EUR,30.00,32.00,2024-01-07 10:20:30 +0200,1,30.00,2024-01-08 09:00:00 +0200,0.00
#4,A@X.com,partially_refunded,EUR,40.00,42.00,2024-01-08 10:20:30 +0200,1,40.00,,2.00
#5,,voided,EUR,50.00,52.00,2024-01-09 10:20:30 +0200,1,50.00,2024-01-09 11:00:00 +0200,0.00
"""


def read(tmp_path, text, **asked):
    place = tmp_path / "orders.csv"
    place.write_text(text, encoding="utf-8")
    return read_orders(str(place), **asked)


class TestStatuses:
    """Rows of no finished sale are counted among those with a customer, a date and an amount, and left out if asked."""

    def test_a_shop_with_a_row_for_each_product(self, tmp_path):
        orders = read(tmp_path, SHOP)
        assert orders.columns == {"customer": "Email", "date": "Created at", "amount": "Total"}
        assert np.nansum(orders.amount) == 12 + 22 + 32 + 42
        no_sale = (("Cancelled at", 1), ("Voided", 1), ("refunded", 1))
        assert orders.statuses == Statuses(2, no_sale, 0, "Refunded Amount", 2)
        options = "--leave-out 'Cancelled at' --leave-out Voided --leave-out refunded"
        assert describe_statuses(orders.statuses, orders.n_rows) == [
            "2 of 6 rows have a status of no finished sale: 'Cancelled at' (1), 'Voided' (1), 'refunded' (1).",
            f"Such rows count like the others. To leave them out, give {options}.",
            "Column 'Refunded Amount' has a refund in 2 rows: it is not taken off the amounts.",
            "If it should be, write the amount without it into the file.",
        ]

    @pytest.mark.parametrize(
        ("leave_out", "left", "n"),
        [(["voided"], 12 + 22 + 42, 2), (["cancelled at", "Refunded"], 12 + 42, 3), (["paid"], 22 + 32 + 42, 1)],
    )
    def test_leaves_out(self, tmp_path, leave_out, left, n):
        orders = read(tmp_path, SHOP, leave_out=leave_out)
        assert np.nansum(orders.amount) == left
        assert (orders.statuses.n_left_out, orders.n_rows) == (n, 6 - n)
        said = f"Left out, because of their status: {n} of the rows."
        assert describe_statuses(orders.statuses, orders.n_rows)[0] == said

    @pytest.mark.parametrize(
        ("status", "asked"),
        [
            ("İptal", "iptal"),
            ("İPTAL", "İptal"),
            ("İPTAL", "IPTAL"),
            ("İade edildi", "iade edildi"),
            ("LƏĞV EDİLDİ", "ləğv edildi"),
            ("QAYTARILDI", "qaytarıldı"),
            ("qaytarıldı", "QAYTARILDI"),
            ("Nicht groß", "NICHT GROSS"),
        ],
    )
    def test_leaves_out_in_other_capitals(self, tmp_path, status, asked):
        orders = read(
            tmp_path, f"client,day,total,status\na,2024-01-01,5,{status}\nb,2024-01-02,6,ok\n", leave_out=[asked]
        )
        assert (orders.amount.tolist(), orders.statuses.n_left_out) == ([6.0], 1)

    @pytest.mark.parametrize(("kind", "asked"), [("double", "5"), ("double", "5.0"), ("int64", "5"), ("string", "5")])
    def test_leaves_out_by_a_number(self, tmp_path, kind, asked):
        days = ["2024-01-01", "2024-01-02"]
        table = pa.table({"client": ["a", "b"], "day": days, "total": [5, 6], "status": pa.array([5, 50]).cast(kind)})
        pq.write_table(table, tmp_path / "orders.parquet")
        orders = read_orders(str(tmp_path / "orders.parquet"), leave_out=[asked])
        assert (orders.amount.tolist(), orders.statuses.n_left_out) == ([6.0], 1)

    def test_in_several_files_of_which_one_has_no_status(self, tmp_path):
        (tmp_path / "1.csv").write_text("client,day,total,status\na,2024-01-01,5,failed\nb,2024-01-02,6,ok\n", "utf-8")
        (tmp_path / "2.csv").write_text("client,day,total\na,2024-01-03,7\n", "utf-8")
        orders = read_orders(str(tmp_path), leave_out=["failed"])
        assert (orders.amount.sum(), orders.statuses.n_left_out) == (13, 1)

    @pytest.mark.parametrize(("heading", "known"), [("status", "'done'"), ("note", "no column looks like a status")])
    def test_refuses_a_status_that_no_row_has(self, tmp_path, heading, known):
        with pytest.raises(FileError, match=rf"--leave-out must be a status of the rows \({known}\); got 'void'"):
            read(tmp_path, f"client,day,total,{heading}\na,2024-01-01,5,done\n", leave_out=["void"])

    def test_refuses_to_leave_out_all_rows(self, tmp_path):
        with pytest.raises(FileError, match="--leave-out must leave some rows of the file"):
            read(tmp_path, "client,day,total,status\na,2024-01-01,5,void\n", leave_out=["VOID"])

    @pytest.mark.parametrize(
        ("heading", "status", "counts"),
        [
            ("Status", "wc-cancelled", True),
            ("order_status", "Pending", True),
            ("Order Status", "Awaiting Payment", True),
            ("Order Status", "Pending Fulfillment", False),
            ("Order Status", "Awaiting Fulfillment", False),
            ("Status", "Partially Refunded", False),
            ("Status", "not cancelled", False),
            ("Статус", "Отменён", True),
            ("Стадия сделки", "Сделка провалена", True),
            ("Статус заказа", "Частичный возврат", False),
            ("Статус", "Скасовано", True),
            ("Статус", "Очікує оплати", True),
            ("Статус", "Відмінно", False),
            ("სტატუსი", "გაუქმებული", True),
            ("Sifariş statusu", "Ləğv edildi", True),
            ("Bestellstatus", "storniert", True),
            ("Customer status", "cancelled", False),
            ("is_cancelled", "TRUE", True),
            ("is_cancelled", "0", False),
            ("city", "Cancelled", False),
            ("cancelled", "0.0", False),
            ("cancelled", "1.0", True),
            ("cancelled", "f", False),
            ("Cancelled", "-", False),
            ("Cancelled", "not cancelled", False),
            ("refunded", "0.00", False),
            ("refunded", "t", True),
            ("Status", "Returning", False),
            ("Return status", "returnable", False),
            ("Return status", "Not yet returned", False),
            ("Status", "Refund declined", False),
            ("Status", "Return request rejected", False),
            ("Status", "Return to sender - refused", True),
            ("Estado", "Rechazada la devolución", False),
            ("Estado", "Nunca devuelto", False),
            ("Estado", "Expirada", True),
            ("Estado", "Caducado", True),
            ("Estado", "Pagamento pendente", True),
            ("Estado", "Não foi cancelado", False),
            ("Status", "Devolvido", True),
            ("Status", "Aguardando pagamento", True),
            ("Status", "In attesa di pagamento", True),
            ("Status", "Geannuleerd", True),
            ("État de la commande", "Annulation refusée", False),
            ("État de la commande", "Refusé le retour", False),
            ("État de la commande", "Retour : colis refusé", True),
            ("État de la commande", "N'a pas été annulée", False),
            ("Stan zamówienia", "Nie została anulowana", False),
            ("Статус", "Возврат отклонён", False),
            ("Статус", "Повернення відхилено", False),
            ("Status", "Cancelled - no stock", True),
            ("Status", "Returned (not as described)", True),
            ("Статус", "Заказ не отменён", False),
            ("Статус", "Без повернення", False),
            ("Статус", "Неоплачено", True),
            ("Tax status", "reverse charge", False),
            ("Account status", "blocked", False),
            ("Consent status", "denied", False),
            ("Statut", "Annulée", True),
            ("État de la commande", "En attente de paiement", True),
            ("Statut", "Remboursement partiel", False),
            ("Statut", "Pas encore remboursé", False),
            ("Statut", "Remboursement refusé", False),
            ("Statut", "En attente de livraison", False),
            ("Estado", "Anulado", True),
            ("Estado del pedido", "Pendiente de pago", True),
            ("Estado", "Devolución parcial", False),
            ("Estado", "Pendiente de envío", False),
            ("Estado", "Sinaloa", False),
            ("Status", "Zwrócone", True),
            ("Stan zamówienia", "Oczekiwanie na płatność", True),
            ("Status", "Nie zwrócono", False),
            ("Status", "Częściowy zwrot", False),
            ("Status", "Oczekuje na wysyłkę", False),
            ("Status", "Annual", False),
            ("Status", "unfulfilled", False),
            ("order-status", "Unfulfillable", True),
        ],
    )
    def test_what_is_no_finished_sale(self, tmp_path, heading, status, counts):
        orders = read(tmp_path, f"client,day,total,{heading}\na,2024-01-01,5,{status}\nb,2024-01-02,5,\n")
        assert orders.statuses.n_rows == counts

    def test_a_refund_in_a_row_of_its_own_is_taken_off_and_no_cancelled_sale(self, tmp_path):
        rows = "a,2024-01-01,5,sold\n" + "".join(
            f"a,2024-01-02,{refund},returned\n"
            for refund in ("-5", "(5)", "€ -5", "€-5", "-€5", "5-", "\u22125", "5- €")
        )
        assert read(tmp_path, f"client,day,total,status\n{rows}").statuses.n_rows == 0

    def test_money_in_a_column_refunded_is_a_refund(self, tmp_path):
        rows = [f"c{i},2024-01-0{i},9,{refunded}" for i, refunded in enumerate(("0.00", "5.50", "12", "EUR 3"), 1)]
        found = read(tmp_path, "client,day,total,Refunded\n" + "\n".join(rows)).statuses
        assert (found.n_rows, found.refund, found.n_refunded) == (0, "Refunded", 3)

    def test_copies_that_are_dropped_count_once(self, tmp_path):
        text = "client,day,total,status\n" + "a,2024-01-01,5,void\na,2024-01-02,5,paid\n" * 3
        assert read(tmp_path, text, duplicates="drop").statuses.no_sale == (("void", 1),)
        assert read(tmp_path, text).statuses.no_sale == (("void", 3),)
        left = read(tmp_path, text, duplicates="drop", leave_out=["void"])
        assert (left.statuses.n_left_out, left.n_duplicates, len(left.amount)) == (3, 2, 1)

    def test_beside_a_column_of_times_and_one_of_notes(self, tmp_path, monkeypatch):
        monkeypatch.setattr("crmvalue._report.reading.statuses._MOST_STATUSES", 5)
        rows = [f"a,2024-01-{i:02},5,{'void' if i % 3 else 'paid'},{i}:00,{i // 2}" for i in range(10, 22)]
        text = "client,day,total,Status,Status changed at,Status note\n" + "\n".join(rows)
        assert read(tmp_path, text).statuses.no_sale == (("void", 8),)
        assert len(read(tmp_path, text, leave_out=["void"]).amount) == 4

    def test_more_statuses_than_are_named(self, tmp_path):
        statuses = ("void", "failed", "refunded", "returned", "cancelled")
        rows = "".join(f"a,2024-01-01,5,{status}\n" for status in statuses)
        orders = read(tmp_path, f"client,day,total,status\n{rows}")
        assert describe_statuses(orders.statuses, 5)[1].endswith("--leave-out returned, and the others so too.")

    def test_totals_are_counted_in_all_rows(self, tmp_path, monkeypatch):
        monkeypatch.setattr("crmvalue._report.reading.statuses._LOOKED_AT", 12)
        rows = [f"c{i},2024-01-{i:02},{i}.50,o{i},p{j}" for i in range(1, 21) for j in range(2)]
        header = "client,day,order_total,order_id,product\n"
        assert read(tmp_path, header + "\n".join(rows)).statuses[-2:] == (20, 20)

    def test_the_total_of_an_order_in_each_of_its_rows(self, tmp_path):
        rows = [f"c{i},2024-01-{i:02},{i}.50,o{i},p{j}" for i in range(1, 7) for j in range(2)]
        header = "client,day,order_total,order_id,product\n"
        assert read(tmp_path, header + "\n".join(rows)).statuses[-2:] == (6, 6)
        lines = [row.replace(".50", ".75") if row.endswith("p1") else row for row in rows]
        assert read(tmp_path, header + "\n".join(lines)).statuses[-2:] == (0, 0)


class TestPeople:
    """Customers who may be several, or who may be one."""

    def test_emails_that_differ_in_capitals(self, tmp_path):
        said = describe_spoiled(read(tmp_path, SHOP).customer)
        assert len(said) == 1
        assert said[0].startswith("2 customers are e-mails that differ in capitals alone, such as A@X.com. They count")

    @pytest.mark.parametrize(("who", "n", "found"), [("0", 12, True), ("0", 1, False), ("Guest", 1, True)])
    def test_guests_are_no_customer(self, tmp_path, who, n, found):
        rows = [f"{who},2024-01-{i:02},5" for i in range(1, n + 1)] + [f"c{i},2024-02-01,5" for i in range(9)]
        said = describe_totals(read(tmp_path, "customer_id,day,total\n" + "\n".join(rows)), None)
        assert (f"Customer {who!r} has {n} row" in " ".join(said)) == found

    @pytest.mark.parametrize("capital", [False, True])
    def test_guests_in_all_languages(self, capital):
        guests = ["guest checkout", "walk-in", "anonymous", "gast", "laufkunde", "гість", "qonaq", "სტუმარი", "гость"]
        guests += ["роздрібний покупець", "кінцевий споживач"]
        guests += ["розничный клиент", "конечный покупатель", "физическое лицо", "частное лицо"]
        for who in guests:
            name = who.upper() if capital else who
            orders = SimpleNamespace(customer=np.array([name, "ann"]), code=np.array([0, 0, 1]), n_file_rows=np.ones(3))
            assert find_guests(orders) == [(name, 2)]

    def test_all_guests_are_named(self):
        rows = {"ann": 3, "Walk-in": 2, "guest@x.com": 40, "0": 60, "unknown": 4} | {f"c{i}": 1 for i in range(60)}
        code = np.repeat(np.arange(len(rows)), list(rows.values()))
        orders = SimpleNamespace(customer=np.array(list(rows)), code=code, n_file_rows=np.ones(len(code)))
        assert find_guests(orders) == [("0", 60), ("guest@x.com", 40), ("Walk-in", 2)]  # 4 rows are not many
