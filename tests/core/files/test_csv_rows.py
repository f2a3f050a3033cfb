"""CSV: what is between the cells, the rows by line, and the quotes that are missing."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bvinv.core.errors import InvalidInput
from bvinv.core.files import csv_rows


def rows(*lines: str, delimiter: str = ","):
    return [(row.line, row.cells, row.fault) for row in csv_rows.records(lines, delimiter)]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (",", ","),
        ("tab", "\t"),
        ("TAB", "\t"),
        ("\t", "\t"),
        ("\\t", "\t"),
        ("bar", "|"),
        ("|", "|"),
        ("Semicolon", ";"),
        ("^", "^"),
    ],
)
def test_a_delimiter_is_a_sign_or_its_name(said, meant):
    assert csv_rows.delimiter(said) == meant


@pytest.mark.parametrize("said", ["x", "7", '"', "'", " ", ";;", "\n", "", "é"])
def test_what_stands_in_cells_is_no_delimiter(said):
    with pytest.raises(InvalidInput):
        csv_rows.delimiter(said)


@pytest.mark.parametrize(
    ("lines", "sign"),
    [
        (["sku,title", "1,a;b"], ","),
        (["sku;price", "1;12,50", "2;13,50"], ";"),
        (["sku\ttitle", "1\ta, b"], "\t"),
        (["sku|title"], "|"),
        (["sku"], ","),
        (["title", "Dune, Part One"], ","),
        (['"sku";"title, subtitle"', "1;2"], ";"),
        (["", "  ", "sku;title"], ";"),
        (["1;Zen, and the Art;12,50", "2;Dune;9", "3;A, B, C;7,10"], ";"),
        (["sku,title (a;b)", "1,x", "2,y;z"], ","),
        (['sku,"a\nb",c', '1,"x\ny",2'], ","),
    ],
)
def test_what_divides_the_header_and_most_rows_is_between_the_cells(lines, sign):
    assert csv_rows.detected([line + "\n" for line in lines], "a.csv") == sign


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a;b,c"], "a comma or a semicolon"),
        (["1;2,5", "2;3,5"], "a comma or a semicolon"),
        (["a\tb|c", "1\t2|3"], "a tab or a bar"),
    ],
)
def test_two_signs_that_fit_equally_well_are_refused(lines, said):
    with pytest.raises(InvalidInput) as caught:
        csv_rows.detected([line + "\n" for line in lines], "a.csv")
    assert caught.value.detail == f"it is not clear what is between the cells of a.csv: {said}"
    assert "--delimiter" in str(caught.value.hint)


def test_a_row_of_another_width_than_the_header_is_a_fault():
    assert rows("a,b\n", "1\n", "1,2,3\n", "1,2\n", " \n", ",\n") == [
        (1, ["a", "b"], ""),
        (2, ["1"], "the row has 1 cells, and the header has 2"),
        (3, ["1", "2", "3"], "the row has 3 cells, and the header has 2"),
        (4, ["1", "2"], ""),
        (6, ["", ""], ""),
    ]


def test_a_missing_quote_costs_its_own_line_and_no_other():
    lines = ["a,b\n", *(f"{n},Title {n}\n" for n in range(10_000))]
    lines[5000] = '4999,"Title\n'
    found = rows(*lines)
    assert len(found) == 10_001
    assert [record for record in found if record[2]] == [
        (5001, [], "a quote opens in this line and is not closed")
    ]
    assert found[4999] == (5000, ["4998", "Title 4998"], "")
    assert found[5001] == (5002, ["5000", "Title 5000"], "")


def test_a_quote_that_another_row_seems_to_close_costs_one_line_too():
    assert rows("a,b\n", '1,"x\n', '2,"y"\n', "3,z\n")[1:] == [
        (2, [], 'a quote (") is missing, or not doubled inside a quoted cell, up to 1 lines below'),
        (3, ["2", "y"], ""),
        (4, ["3", "z"], ""),
    ]


def test_a_cell_that_is_too_long_is_a_fault_of_its_line():
    assert rows("a,b\n", "1," + "x" * 131_073 + "\n", "2,y\n")[1:] == [
        (2, [], "a cell has more than 131072 characters"),
        (3, ["2", "y"], ""),
    ]


def test_a_cell_of_a_hundred_thousand_characters_is_read():
    assert rows("a,b\n", "1," + "x" * 100_000 + "\n")[1] == (2, ["1", "x" * 100_000], "")


@pytest.mark.slow
def test_quotes_that_open_in_every_line_cost_no_more_than_their_lines():
    lines = ["a,b,c\n", *['x",,"\n'] * 20_000]
    found = rows(*lines)
    assert len(found) == 20_001
    assert {fault for _, _, fault in found[1:]} == {"a quote opens in this line and is not closed"}


def test_a_record_over_lines_has_an_end_by_its_length():
    longest = ['a,"b\n', *['c","' + "x" * 100_000 + "\n"] * 400]
    assert rows(*longest)[0] == (1, [], "a quote opens in this line and is not closed")


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(
    st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=6),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_a_csv_writer_writes_is_read_as_it_was(table, sign, end):
    class Lines(list):
        write = list.append

    table = [["sku", "a title", "note"], *table]
    written = Lines()
    csv.writer(written, delimiter=sign, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(table)
    lines = [line for row in written for line in row.splitlines(keepends=True) if line]
    assert [row.cells for row in csv_rows.records(lines, sign)] == table
    assert csv_rows.detected(lines, "a.csv") == sign
