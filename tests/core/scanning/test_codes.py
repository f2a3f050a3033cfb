"""What a scanned line says: real codes from books, bags and shelves."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bvinv.core import isbn
from bvinv.core.errors import InvalidInput
from bvinv.core.scanning import codes
from bvinv.core.scanning.codes import Word
from tests.conftest import shared_data


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("9780141439518\n", "9780141439518"),
        ("9780141439518\r", "9780141439518"),
        ("\t9780141439518\t\r\n", "9780141439518"),
        ("]E09780141439518", "9780141439518"),
        ("]C1ABC-1", "ABC-1"),
        ("]E0", "]E0"),
        ("*HX-1*", "HX-1"),
        ("a-01", "a-01"),
        ("*qty 12", Word("QTY", ("12",))),
        ("*QTY 100000 YES", Word("QTY", ("100000", "YES"))),
        ("*UNDO", Word("UNDO", ())),
        ("*", Word("", ())),
        ("**", Word("*", ())),
        ("\x1d\x00\r\n", None),
        ("   ", None),
    ],
)
def test_a_line_is_a_word_or_a_code(line, said):
    assert codes.read(line) == said


def test_a_line_that_is_too_long_is_refused():
    with pytest.raises(InvalidInput, match="101 characters"):
        codes.read("9" * 101)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("HX-1", ["HX-1", "HX1"]),
        ("9780141439518", ["9780141439518", "0141439513"]),
        ("978-0-14-143951-8", ["978-0-14-143951-8", "9780141439518", "0141439513"]),
        ("0141439513", ["0141439513", "9780141439518"]),
        ("020156291x", ["020156291x", "9780201562910", "020156291X"]),
        ("978014143951851299", ["978014143951851299", "9780141439518", "0141439513"]),
        ("9780141439518 51299", ["9780141439518 51299", "978014143951851299", "9780141439518",
                                 "0141439513"]),
        ("9780141439518+51299", ["9780141439518+51299", "9780141439518", "0141439513"]),
        ("977147396801204", ["977147396801204", "9771473968012"]),
        ("036000291452", ["036000291452", "0036000291452"]),
        ("0036000291452", ["0036000291452", "036000291452"]),
        ("09780141439518", ["09780141439518", "9780141439518", "0141439513"]),
        ("0109780141439518", ["0109780141439518", "09780141439518", "9780141439518",
                              "0141439513"]),
        ("9790060115615", ["9790060115615"]),
        ("06182138", ["06182138"]),
        ("15444007", ["15444007"]),
        ("9780141439519", ["9780141439519"]),
    ],
)  # fmt: skip
def test_a_code_may_stand_for_these(code, names):
    assert codes.names(code) == names


def test_a_shelf_code_is_never_padded_to_an_isbn():
    """As a spreadsheet's cell it would be recovered; a scanner loses no zeros."""
    assert isbn.find("0015444007") == "9780015444006"
    assert codes.names("15444007") == ["15444007"]
    assert codes.misread("15444007") is None


@pytest.mark.parametrize(
    "code",
    [
        "9780141439519",
        "978-0-14-143951-9",
        "036000291453",
        "0141439514",
        "020156291y"[:9] + "0",
        "19780141439518",
        "978014143951951299",
        "97801414395189780141439761",
    ],
)
def test_a_check_digit_that_fails_is_a_misread(code):
    assert codes.misread(code)


@pytest.mark.parametrize(
    "code",
    ["9780141439518", "036000291452", "HX-1", "12", "dump", "15444007", "0141439513", "A" * 13],
)
def test_what_cannot_be_checked_is_no_misread(code):
    assert codes.misread(code) is None


@given(st.integers(10**11, 10**12 - 1), st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(body, place, by):
    right = next(f"{body}{digit}" for digit in range(10) if codes.fits(f"{body}{digit}"))
    wrong = right[:place] + str((int(right[place]) + by) % 10) + right[place + 1 :]

    assert codes.misread(right) is None
    assert codes.misread(wrong)


@given(st.text(max_size=120))
def test_whatever_a_scanner_sends_is_read_or_refused(line):
    kept = codes.shown(line)
    assert kept.isprintable()
    assert 0 < len(kept) <= codes.LONGEST
    try:
        said = codes.read(line)
    except InvalidInput:
        return
    if isinstance(said, str):
        assert said in codes.names(said)
        codes.misread(said)


def test_the_scans_of_a_library_are_what_is_known_of_them():
    with shared_data("scans/scan_log.csv").open() as file:
        scanned = [row["barcode"] for row in csv.DictReader(file)]
    misread = [code for code in scanned if codes.misread(code)]
    isbns = [code for code in scanned if any(isbn.find(name) for name in codes.names(code))]

    assert len(scanned) == 1784
    assert len(misread) == 7
    assert len(isbns) == 1214 + 446 + 12
    assert sum("x" in code for code in isbns) == 12
