"""Several files as one log: names, folders and patterns; columns by name; rows that two files have."""

from __future__ import annotations

import gzip

import pytest

from crmvalue.__main__ import main
from crmvalue._report import base
from crmvalue._report.reading.orders import read_orders
from crmvalue._report.reading.places import find_files
from crmvalue.errors import InputError

duckdb = pytest.importorskip("duckdb")

JANUARY = "customer,date,amount\nann,2024-01-30,10.5\nbob,2024-01-31,20\n"
FEBRUARY = "customer,date,amount\nann,2024-02-28,1.25\ncyd,2024-02-29,4\n"
ROWS = [("ann", "2024-01-30", 10.5), ("ann", "2024-02-28", 1.25), ("bob", "2024-01-31", 20), ("cyd", "2024-02-29", 4)]


def as_rows(orders):
    days = [str(day) for day in orders.date]
    return sorted(zip(orders.customer[orders.code].tolist(), days, orders.amount.tolist(), strict=True))


def write_parquet(path, select):
    duckdb.sql(f"copy ({select}) to '{path}' (format parquet)")
    return str(path)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_words_for_a_missing_value_are_read_in_any_letters(tmp_path, kind):
    words = [
        "null",
        "Null",
        "NULL",
        "nan",
        "NaN",
        "NAN",
        "none",
        "None",
        "NONE",
        "n/a",
        "N/A",
        "na",
        "<NA>",
        "#n/a",
        "NaT",
    ]
    rows = [("nana", "2024-01-30", 10.5), *((word, "2024-01-31", 1.0) for word in words)]
    if kind == "csv":
        path = tmp_path / "orders.csv"
        path.write_text("\n".join(["customer,date,amount", *(",".join(map(str, row)) for row in rows)]))
    else:
        table = f"from (values {', '.join(map(str, rows))}) as orders (customer, date, amount)"
        path = write_parquet(tmp_path / "orders.parquet", f"select * {table}")
    assert as_rows(read_orders(str(path))) == rows[:1]


@pytest.fixture
def folder(tmp_path):
    """Two months of one log."""
    (tmp_path / "jan.csv").write_text(JANUARY)
    (tmp_path / "feb.csv").write_text(FEBRUARY)
    return tmp_path


@pytest.mark.parametrize(
    ("role", "select", "kind"),
    [
        ("customer", "'ann'::blob as customer, date '2024-03-01' as date, 1 as amount", "BLOB"),
        ("customer", "['ann'] as customer, date '2024-03-01' as date, 1 as amount", r"VARCHAR\[\]"),
        ("date", "'ann' as customer, ['2024-03-01'] as date, 1 as amount", r"VARCHAR\[\]"),
        ("amount", "'ann' as customer, date '2024-03-01' as date, '1'::blob as amount", "BLOB"),
    ],
)
def test_bytes_and_lists_beside_text_are_refused(folder, role, select, kind):
    write_parquet(folder / "mar.parquet", f"select {select}")
    with pytest.raises(InputError, match=f"column '{role}' is .*{kind} in '.*mar.parquet'.*: write it in one type"):
        read_orders(str(folder))


class TestFindFiles:
    """Names of files, folders and patterns; each file once; what is left out is said."""

    def test_a_folder_means_its_csv_and_parquet_files(self, folder):
        for name in ("a.CSV.GZ", "b.tsv", "c.parquet", "_d.csv", ".e.csv", "f.txt"):
            (folder / name).touch()
        (folder / "inside").mkdir()
        found = find_files([str(folder)])
        assert [place.name for place in found.files] == ["a.CSV.GZ", "b.tsv", "c.parquet", "feb.csv", "jan.csv"]
        assert found.notes[0].startswith("3 files were skipped, as no CSV or Parquet file: '.e.csv', '_d.csv', 'f.txt'")
        assert found.notes[1].startswith("1 folder was skipped, inside ")

    def test_a_pattern(self, folder):
        (folder / "2023" / "q4").mkdir(parents=True)
        (folder / "2023" / "q4" / "dec.csv").touch()
        (folder / "_draft.csv").touch()
        found = find_files([str(folder / "**" / "*.csv")])
        assert sorted(place.name for place in found.files) == ["dec.csv", "feb.csv", "jan.csv"]
        assert found.notes == ["1 file was skipped, because the name begins with an underscore."]

    def test_a_file_that_exists_is_no_pattern(self, tmp_path):
        (tmp_path / "a[1].csv").touch()
        (tmp_path / "a1.csv").touch()
        assert [place.name for place in find_files([str(tmp_path / "a[1].csv")]).files] == ["a[1].csv"]

    def test_a_file_named_twice_is_read_once(self, folder):
        (folder / "link.csv").symlink_to(folder / "jan.csv")
        found = find_files([str(folder / "jan.csv"), str(folder / "jan.csv"), str(folder / "link.csv")])
        assert len(found.files) == 1
        assert found.notes == ["2 files were named more than once: read once."]

    def test_folders_of_partitions(self, tmp_path):
        for month, text in ((1, JANUARY), (2, FEBRUARY)):
            place = tmp_path / "orders" / f"month={month}"
            place.mkdir(parents=True)
            (place / "data.csv").write_text(text)
        problem = find_files([str(tmp_path / "orders")]).problems[0]
        assert "has no CSV or Parquet file. Hint: for the files of the folders in it, give" in str(problem)
        orders = read_orders(str(tmp_path / "orders" / "**" / "*.csv"))
        assert as_rows(orders) == ROWS
        assert "names of folders, such as 'month=1', were not read" in orders.notes[0]

    def test_all_that_is_wrong_is_said(self, folder):
        names = [str(folder / "no.csv"), str(folder / "*.txt"), str(folder / "jan.csv")]
        found = find_files(names)
        assert [str(problem).partition(" '")[0] for problem in found.problems] == [
            "there is no file",
            "no file fits the pattern",
        ]
        with pytest.raises(InputError, match="2 problems"):
            read_orders(names)


class TestReadOrders:
    """Rows of all files, columns by name."""

    def test_every_way_to_name_them(self, folder):
        for paths in (str(folder), str(folder / "*.csv"), [str(folder / "jan.csv"), str(folder / "feb.csv")]):
            orders = read_orders(paths)
            assert as_rows(orders) == ROWS
            assert (orders.n_files, orders.n_rows, orders.n_duplicates) == (2, 4, 0)

    @pytest.mark.parametrize(
        "text",
        [
            "date,amount,customer\n2024-02-28,1.25,ann\n2024-02-29,4,cyd\n",
            "Customer;Date;AMOUNT\nann;2024-02-28;1.25\ncyd;2024-02-29;4\n",
            "customer,note,date,amount\nann,x,2024-02-28,1.25\ncyd,y,2024-02-29,4\n",
            "customer,x,x,date,amount\nann,1,2,2024-02-28,1.25\ncyd,1,2,2024-02-29,4\n",
        ],
        ids=["order", "delimiter-and-case", "more", "twice-unused"],
    )
    def test_forms_of_csv(self, folder, text):
        (folder / "feb.csv").write_text(text)
        assert as_rows(read_orders(str(folder))) == ROWS
        (folder / "feb.csv.gz").write_bytes(gzip.compress(text.encode()))
        (folder / "feb.csv").unlink()
        assert as_rows(read_orders(str(folder))) == ROWS

    def test_parquet_beside_csv(self, folder):
        (folder / "feb.csv").unlink()
        values = "('ann', date '2024-02-28', 1.25::double), ('cyd', date '2024-02-29', 4)"
        write_parquet(folder / "feb.parquet", f"select * from (values {values}) t(customer, date, amount)")  # noqa: S608 - of this test
        assert as_rows(read_orders(str(folder))) == ROWS

    @pytest.mark.parametrize(
        "number", ["1.234::double", "1.234::decimal(9, 3)", "1.234e-5::double", "-2.5::float", "7"]
    )
    def test_numbers_beside_a_decimal_comma_keep_their_value(self, tmp_path, number):
        (tmp_path / "a.csv").write_text("customer;date;amount\na;2024-01-01;1.234,50\n")
        write_parquet(tmp_path / "b.parquet", f"select 'b' as customer, date '2024-01-02' as date, {number} as amount")
        ((value,),) = duckdb.execute(f"select ({number})::double").fetchall()
        assert [row[2] for row in as_rows(read_orders(str(tmp_path)))] == pytest.approx([1234.5, value], abs=1e-9)

    def test_parquet_of_two_types(self, tmp_path):
        for i, (kind, day) in enumerate((("integer", "date"), ("bigint", "timestamp"))):
            select = f"select 9007199254740993::{'bigint' if i else 'varchar'}::bigint + {i} as customer"
            select = select if i else "select 5::integer as customer"
            write_parquet(
                tmp_path / f"{i}.parquet", f"{select}, {day} '2024-01-0{i + 1}' as date, {i + 1}::{kind} as amount"
            )
        orders = read_orders(str(tmp_path))
        assert as_rows(orders) == [("5", "2024-01-01", 1), ("9007199254740994", "2024-01-02", 2)]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("customer,date\nann,2024-02-28\n", r"feb\.csv' has no column 'amount' \(customer, date\)$"),
            ("", r"feb\.csv' is empty"),
            (
                "customer,date,amount\nann,2024-02-28\n",
                r"cannot read '.*feb\.csv': line 2 has 2 fields instead of the 3",
            ),
            ("customer,date,amount\nann,soon,1\n", r"'soon' in column 'date' of '.*feb\.csv' is no date"),
            (
                "customer,date,amount\nann,28.02.2024,1\n",
                r"'28\.02\.2024' in column 'date' of '.*feb\.csv' is no date of",
            ),
            ("customer,date,amount\nann,2024-02-28,much\n", r"'much' in column 'amount' of '.*feb\.csv' is no number"),
            ("customer,date,date,amount\nann,2024-02-28,2024-02-28,1\n", "2 columns .* are called 'date'"),
        ],
    )
    def test_errors_name_the_file(self, folder, text, says):
        (folder / "feb.csv").write_text(text)
        with pytest.raises(InputError, match=says):
            read_orders(str(folder))

    def test_all_problems_of_all_files(self, folder):
        (folder / "empty.csv").touch()
        (folder / "feb.csv").write_text("who,amount\nann,1\n")
        with pytest.raises(InputError, match="has 3 problems") as caught:
            read_orders(str(folder), customer="customer", date="date", amount="amount")
        told = [str(problem) for problem in caught.value.problems]
        assert ["is empty" in told[0], "no column 'customer'" in told[1], "no column 'date'" in told[2]] == [True] * 3

    def test_customers_written_in_two_ways(self, tmp_path):
        (tmp_path / "a.csv").write_text("customer,date\n17850,2024-01-01\n")
        (tmp_path / "b.csv").write_text("customer,date\n17850.0,2024-01-02\n")
        with pytest.raises(InputError, match=r"has both '17850\.0' and '17850': write customers in one way"):
            read_orders(str(tmp_path))
        write_parquet(tmp_path / "b.parquet", "select 17850::double as customer, date '2024-01-02' as date")
        (tmp_path / "b.csv").unlink()
        with pytest.raises(InputError, match=r"is DOUBLE in '.*b\.parquet' and VARCHAR in '.*a\.csv'"):
            read_orders(str(tmp_path))

    def test_copies_across_kinds_of_files_are_not_found_and_this_is_said(self, tmp_path):
        (tmp_path / "a.csv").write_text("customer,date,amount\nann,2024-01-01,2.5\n")
        (tmp_path / "b.csv").write_text("customer,date,amount\nbob,2024-01-02,3.5\n")
        assert read_orders(str(tmp_path)).notes == ()
        write_parquet(
            tmp_path / "b.parquet", "select 'ann' as customer, date '2024-01-01' as date, 2.5::double as amount"
        )
        found = read_orders(str(tmp_path))
        assert (found.n_rows, found.n_duplicates) == (3, 0)
        assert found.notes == (
            (
                "Values are text in some files and numbers or dates in others: copies of a row across these files "
                "are not found."
            ),
        )

    def test_a_month_that_was_exported_twice(self, folder):
        (folder / "feb2.csv").write_text(FEBRUARY + "dan,2024-02-29,4\n")
        orders = read_orders(str(folder))
        assert orders.n_duplicates == 2
        assert orders.copied == ((str(folder / "feb.csv"), str(folder / "feb2.csv"), 2),)
        assert as_rows(read_orders(str(folder), duplicates="drop")) == [*ROWS, ("dan", "2024-02-29", 4)]
        with pytest.raises(InputError, match=r"2 rows are exact copies .* in all 3 columns of the files"):
            read_orders(str(folder), duplicates="raise")


class TestMain:
    """The command says how many files it read, what it skipped, and which files share rows."""

    def test_says_files_and_shared_rows(self, folder, capsys):
        (folder / "feb2.csv").write_text(FEBRUARY)
        (folder / "readme.txt").touch()
        assert main([str(folder)]) == 0
        printed = capsys.readouterr().out
        assert printed.startswith("Read 6 rows of 3 files: customer = 'customer' (guessed)")
        assert "1 file was skipped, as no CSV or Parquet file: 'readme.txt'." in printed
        assert f"In '{folder / 'feb2.csv'}': 2 rows that '{folder / 'feb.csv'}' has too." in printed
        assert main([str(folder / "jan.csv"), str(folder / "feb.csv")]) == 0
        assert "Read 4 rows of 2 files" in capsys.readouterr().out

    def test_problems_of_several_files(self, folder, capsys):
        assert main([str(folder / "no.csv"), str(folder / "none.csv")]) == 2
        assert capsys.readouterr().err.startswith("crmvalue: the files have 2 problems:\n- there is no file")

    def test_the_table_is_none_of_the_files(self, folder, capsys):
        assert main([str(folder), "--output", str(folder / "feb.csv")]) == 2
        assert "another file than the one that is read" in capsys.readouterr().err

    def test_too_little_memory_is_one_sentence(self, monkeypatch, capsys):
        def full(*_, **__):
            raise MemoryError

        monkeypatch.setattr(base, "summarise_base_log", full)
        assert main([]) == 2
        assert capsys.readouterr().err.startswith("crmvalue: there is too little memory for this log")
