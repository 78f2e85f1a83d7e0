"""Files that are not UTF-8: a byte order mark, a heading that only one encoding makes known, or an option."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from crmvalue.__main__ import _describe_encodings, main
from crmvalue._core.headings import choose_columns
from crmvalue._report.reading.encodings import as_utf8
from crmvalue._report.reading.orders import read_orders
from crmvalue._report.reading.places import find_files
from crmvalue._report.reading.terms import read_terms_file
from crmvalue.errors import InputError

pytest.importorskip("duckdb")

UKRAINIAN = "Покупець;Дата замовлення;Сума\nОленка;31.01.2024;1\u00a0200,50\nЇжак;28.03.2024;9,90\n"
GERMAN = "Käufer;Straße;Datum;Betrag\nMüller;Lange Straße;31.01.2024;1.200,50 €\nÖzil;Am Öhr;28.03.2024;9,90 €\n"
PLAIN = "customer;date;amount\nMüller;31.01.2024;1.200,50\nWeiß;28.03.2024;9,90\n"


def write(path, text, encoding):
    path.write_bytes(text.encode(encoding))
    return str(path)


def count_known(names):
    return len(choose_columns(names, dict.fromkeys(("customer", "date", "amount", "quantity")))[0])


class TestEncodings:
    """The rows are those of the same file in UTF-8; what was guessed is said; what is doubtful is asked."""

    @pytest.mark.parametrize(
        ("text", "encoding", "guessed"),
        [
            (UKRAINIAN, "cp1251", "cp1251"),
            (UKRAINIAN, "koi8-u", "koi8-u"),
            (UKRAINIAN, "mac-cyrillic", "mac-cyrillic"),
            (UKRAINIAN.replace("Їжак", "Явір"), "cp1125", None),  # a DOS encoding with the Ukrainian letters
            (UKRAINIAN.replace("Їжак", "Явор"), "cp866", "cp866"),
            (UKRAINIAN, "utf-16-le", "utf-16-le"),
            (UKRAINIAN.replace(";", "\t"), "utf-16", None),  # the "Unicode text" of a spreadsheet
            (UKRAINIAN, "utf-32", None),
            ("sep=;\r\n" + UKRAINIAN.replace("\n", "\r\n"), "cp1251", "cp1251"),
            ("customer;date;Ім'я\na;2024-01-01;я\n", "cp1251", "cp1251"),
            (GERMAN, "cp1252", "cp1252"),
            (GERMAN.replace("€", "$"), "mac-roman", "mac-roman"),
            ("customer;date;Größe\nMüller;2024-01-01;Ä\n", "cp1252", "cp1252"),
            ("Alıcı;Tarix;Məbləğ\nƏli;31.01.2024;1\n", "utf-16-be", "utf-16-be"),
            ("Alıcı;Tarix;Şəhər\nAlı;31.01.2024;Şuşa\n".replace("ə", "e"), "cp1254", "cp1254"),
        ],
    )
    def test_the_same_text_in_utf8(self, tmp_path, text, encoding, guessed):
        places = find_files([write(tmp_path / "other.csv", text, encoding)])
        if encoding != "cp1125":
            found, said = as_utf8(places, tmp_path, None, count_known)
            assert found.files[0].read_bytes().decode() == text
            assert said == ({} if guessed is None else {places.names[0]: guessed})
        found, said = as_utf8(places, tmp_path, encoding, count_known)
        assert found.files[0].read_bytes().decode() == text
        assert (said, found.names) == ({}, places.names)

    def test_utf8_stays_where_it_is(self, tmp_path):
        for encoding in ("utf-8", "utf-8-sig"):
            places = find_files([write(tmp_path / "o.csv", UKRAINIAN, encoding)])
            assert as_utf8(places, tmp_path, None, count_known) == (places, {})
            assert as_utf8(places, tmp_path, "UTF8", count_known) == (places, {})

    def test_orders_of_a_spreadsheet(self, tmp_path):
        for text, encoding, who in (
            (GERMAN, "cp1252", ["Müller", "Özil"]),
            (UKRAINIAN.replace(";", "\t"), "utf-16", ["Їжак", "Оленка"]),
        ):
            orders = read_orders(write(tmp_path / "o.txt", text, encoding))
            assert (orders.customer.tolist(), sorted(orders.amount.tolist())) == (who, [9.9, 1200.5])

    def test_the_first_lines_say_what_was_guessed(self, tmp_path, capsys):
        write(tmp_path / "a.csv", UKRAINIAN, "cp1251")
        assert main([str(tmp_path / "a.csv")]) == 0
        assert "Not UTF-8: read as cp1251, which makes known headings." in capsys.readouterr().out
        write(tmp_path / "b.csv", UKRAINIAN.replace("Оленка", "Остап"), "utf-8")
        (tmp_path / "c.csv.gz").write_bytes(gzip.compress(UKRAINIAN.replace("Оленка", "Ганна").encode("cp1251")))
        orders = read_orders(str(tmp_path))
        assert orders.customer.tolist() == sorted(["Ганна", "Оленка", "Остап", "Їжак"])
        assert list(orders.encodings.values()) == ["cp1251", "cp1251"]
        assert _describe_encodings(orders)[0].startswith("Not all UTF-8: read as cp1251 (2 of the files), which")

    @pytest.mark.parametrize(
        ("text", "encoding", "option", "says"),
        [
            (PLAIN, "cp1252", None, r"line 2 is not UTF-8: save .* add --encoding cp1252 if 'Müller' is right$"),
            ("customer;date\nМюллер;31.01.2024\n", "cp1251", None, "--encoding cp1251 if 'Мюллер' is right"),
            ("customer;date;імя\na;2024-01-01;я\n", "cp1251", None, r"line 1 .* --encoding cp1251 if 'імя' .* or --e"),
            (
                "M?st?ri;Tarix;M?bl?g\na;2024-01-01;1\n",
                "utf-8",
                None,
                r"letters of headings were lost: save",
            ),
            ("Хто;Коли\na;2024-01-01\n", "cp1251", None, "--encoding cp1251 if 'Хто' is right"),
            (UKRAINIAN, "cp1251", "utf-8", r"line 1 of .* is not UTF-8: save the file as CSV in UTF-8$"),
            (UKRAINIAN, "cp1251", "cp1252", "--customer must be named"),
            (UKRAINIAN + "é;1;2\n", "utf-8", "ascii", r"line 1 of .* cannot be read as ascii$"),
            (UKRAINIAN, "cp1251", "klingon", r"`--encoding` must be the name of an encoding, .* got 'klingon'"),
            (UKRAINIAN, "cp1251", "base64", "the name of an encoding"),
            (UKRAINIAN, "utf-16-le", "utf-16", r"line 1 of .* cannot be read as utf-16$"),
            (PLAIN, "cp1252", "idna", r"line 1 of .* cannot be read as idna$"),
            ("customer;date\nM+2AA-;31.01.2024\n", "ascii", "utf-7", r"line 2 of .* cannot be read as utf-7$"),
        ],
    )
    def test_what_is_doubtful_is_asked(self, tmp_path, text, encoding, option, says):
        with pytest.raises(InputError, match=says):
            read_orders(write(tmp_path / "other.csv", text, encoding), encoding=option)

    def test_an_encoding_that_does_not_hold_to_the_end(self, tmp_path):
        path = tmp_path / "other.csv"
        path.write_bytes(GERMAN.encode("cp1252") + b"a;b;31.01.2024;1\n\x81;b;31.01.2024;1\n")
        with pytest.raises(InputError, match=r"line 5 of .* cannot be read as cp1252, in which its heading is known"):
            read_orders(str(path))

    def test_a_file_that_ends_too_early_is_no_shorter_file(self, tmp_path):
        row = "ann;2024-01-31;5,00;a note;grün\n"  # 32 bytes: a block of the reader ends where a row does
        text = "customer;date;amount;nota;größe\n" + row * 33_000
        packed = gzip.compress(text.encode("cp1252"), 1)
        whole, part = tmp_path / "whole.csv.gz", tmp_path / "part.csv.gz"
        whole.write_bytes(packed)
        part.write_bytes(packed[:-12])
        assert read_orders(str(whole)).n_rows == 33_000
        with pytest.raises(InputError, match=r"^cannot read '.*part.csv.gz': it is damaged or not complete$"):
            read_orders(str(part))

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
    def test_a_full_disk_makes_no_shorter_file(self, tmp_path):
        places = find_files([write(tmp_path / "other.csv", GERMAN, "cp1252")])
        (tmp_path / "utf8-1.csv").symlink_to("/dev/full")
        with pytest.raises(InputError, match=r"write it again in UTF-8 in '.*': No space left on device$"):
            as_utf8(places, tmp_path, None, count_known)

    def test_a_file_in_utf8_beside_others_keeps_its_customers(self, tmp_path):
        write(tmp_path / "a.csv", PLAIN, "utf-8")
        write(tmp_path / "b.csv", PLAIN, "cp1252")
        write(tmp_path / "c.csv", "customer;date;amount\nann;31.01.2024;5,00\n", "utf-8")
        orders = read_orders(str(tmp_path), encoding="cp1252")
        assert orders.customer.tolist() == ["Müller", "Weiß", "ann"]
        assert [note for note in orders.notes if "UTF-8" in note] == [
            f"1 CSV file is in UTF-8 and not in cp1252, and read so: {str(tmp_path / 'a.csv')!r}."
        ]
        orders = read_orders(str(tmp_path / "a.csv"), encoding="cp1252")  # the terms of its customers are in cp1252
        assert orders.customer.tolist() == ["Müller", "Weiß"]

    def test_an_option_for_no_csv(self, tmp_path):
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"customer": ["é"], "date": ["2024-01-01"]}), tmp_path / "o.parquet")
        with pytest.raises(InputError, match=r"--encoding is for CSV, and .* is Parquet"):
            read_orders(str(tmp_path / "o.parquet"), encoding="cp1252")
        write(tmp_path / "p.csv", "customer;date\nö;2024-01-02\n", "cp1252")
        assert read_orders(str(tmp_path), encoding="cp1252").customer.tolist() == ["é", "ö"]

    def test_terms_in_another_encoding(self, tmp_path):
        path = write(tmp_path / "terms.csv", "customer;margin;Größe\nMüller;0.3;Ä\n", "cp1252")
        assert read_terms_file(path, np.array(["Müller"]), {}).margin.tolist() == [0.3]
        path = write(tmp_path / "terms.csv", "customer;margin\nMüller;0.3\n", "cp1252")
        assert read_terms_file(path, np.array(["Müller"]), {}, "cp1252").margin.tolist() == [0.3]
        with pytest.raises(InputError, match="--encoding cp1252 if 'Müller' is right"):
            read_terms_file(path, np.array(["Müller"]), {})


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (b"PK\x03\x04\x14\x00", "is a workbook or a ZIP archive: save the table as CSV, or unpack the file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "is a workbook of Excel: save the table as CSV"),
        (b"\x28\xb5\x2f\xfd\x04", "is packed by Zstandard: unpack it"),
    ],
)
def test_a_file_of_another_kind_is_called_so(tmp_path, capsys, first, said):
    """A workbook was said to be text that is not UTF-8, and its encoding was asked for."""
    (tmp_path / "orders.xlsx").write_bytes(first + bytes(range(256)))
    assert main([str(tmp_path / "orders.xlsx"), "--encoding", "cp1252"]) == 2
    assert capsys.readouterr().err == f"crmvalue: '{tmp_path / 'orders.xlsx'}' {said}\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("end", ["   ", "\x1a", "\x1a\r\n", "\0\0\0", " \r\n\r\n  \r\n"])
def test_a_last_line_of_nothing_is_no_row(tmp_path, end, encoding):
    """DOS ends a text with 0x1A, and a file that was cut short may be filled up with nulls."""
    rows = "customer,date,amount\r\nann,2024-01-01,5\r\nbob,2024-02-01,6\r\n"
    place, folder = tmp_path / "orders.csv", tmp_path / "made"
    folder.mkdir()
    place.write_bytes((rows + end).encode(encoding))
    (found,) = as_utf8(find_files([str(place)]), folder, None, len)[0].files
    assert found.read_text("utf-8").split() == rows.split()
    assert place.read_bytes().decode(encoding) == rows + end


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("n", [(1 << 20) - 1, 1 << 20, (2 << 20) + 5])
def test_no_number_of_blanks_at_the_end_is_a_row(tmp_path, n, pack):
    rows = b"customer,date,amount\nann,2024-01-01,5\nbob,2024-02-01,6  "
    place = tmp_path / "orders.csv"
    for end, left in ((b"\n" + b" " * n, b""), (b" " * n + b"\n\n\0", b" " * n), (b"\n" * n, b"\n" * n)):
        place.write_bytes(pack(rows + end))
        (found,) = as_utf8(find_files([str(place)]), tmp_path, None, len)[0].files
        read = gzip.decompress if found == place and pack is gzip.compress else bytes
        assert read(found.read_bytes()) == rows + left


@pytest.mark.parametrize("end", ["\x1a", "\n \n"])
def test_a_last_line_of_nothing_in_a_packed_file_is_no_row(tmp_path, capsys, end):
    """Blanks at the end of the last row stay: they may belong to it."""
    rows = "date,amount,customer\n2024-01-01,5,ann\n2024-02-01,6,bob  \n"
    place = tmp_path / "orders.csv.gz"
    place.write_bytes(gzip.compress((rows + end).encode()))
    (found,) = as_utf8(find_files([str(place)]), tmp_path, None, len)[0].files
    assert found.read_text("utf-8").rstrip("\n") == rows.rstrip("\n")
    assert main([str(place)]) == 0
    assert capsys.readouterr().out.startswith("Read 2 rows:")
