"""ISBNs are recognised exactly, and recovered only when there is one answer."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import ean
from stdnum import isbn as standard

from bvinv.core import isbn
from bvinv.core.errors import InvalidInput

GOODBOOKS = Path("/work/shared/data/goodbooks")

valid_13 = st.integers(978 * 10**9, 980 * 10**9 - 1).map(
    lambda body: f"{body}{ean.calc_check_digit(str(body))}"
)
bodies_10 = st.integers(0, 10**9 - 1).map("{:09}".format)


def reason(text, function=isbn.recover):
    with pytest.raises(InvalidInput) as refused:
        function(text)
    return refused.value.detail.partition(" is not an ISBN: ")[2]


@pytest.mark.parametrize(
    "text",
    [
        "9780439023481",
        "978-0-439-02348-1",
        "0439023483",
        "0-439-02348-3",
        " 0 439 02348 3 ",
        "978–0–439–02348–1",
        "978\u00a00439\u201102348\u00a01",
    ],
)
def test_both_lengths_with_any_separators_become_isbn_13(text):
    assert isbn.find(text) == isbn.canonical(text) == isbn.recover(text) == "9780439023481"


@pytest.mark.parametrize("text", ["080442957X", "0-8044-2957-x"])
def test_x_ends_an_isbn_10_in_either_case(text):
    assert isbn.find(text) == isbn.canonical(text) == "9780804429573"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        (" - ", "it is empty"),
        ("439023483", "it has 9 digits, and an ISBN has 10 or 13"),
        ("97804390234810", "it has 14 digits, and an ISBN has 10 or 13"),
        ("9780439023482", "its check digit is 2 and should be 1"),
        ("0439023484", "its check digit is 4 and should be 3"),
        ("0804429574", "its check digit is 4 and should be X"),
        ("4006381333931", "it begins with 400, and an ISBN-13 begins with 978 or 979"),
        ("978043902348X", "X can only be the last character of an ISBN-10"),
        ("04390X3483", "X can only be the last character of an ISBN-10"),
        ("043902348O", "it has the letter 'O' in it"),
        ("04390/3483", "it has '/' in it"),
        ("９780439023481", "it has '９' in it"),
        ("9780439023481\n", "it has '\\n' in it"),
        ("٩٧٨٠٤٣٩٠٢٣٤٨١", "it has '٩' in it"),
        ("9" * 5000, "it is too long for one"),
        (" " * 5000, "it is too long for one"),
    ],
)
def test_a_wrong_isbn_is_refused_with_the_reason(text, why):
    assert isbn.find(text) is None
    assert reason(text, isbn.canonical) == why


@given(st.text(alphabet="0123456789Xx- 978", max_size=18) | st.text(max_size=18))
def test_find_agrees_with_python_stdnum_on_ascii_text(text):
    compact = text.replace("-", "").replace(" ", "")
    expected = None
    if text.isascii() and len(compact) in (10, 13) and standard.is_valid(compact):
        expected = standard.validate(compact, convert=True)
    if text.isascii() and not set(text) & set("\t\n\r\v\f\x1c\x1d\x1e\x1f"):
        assert isbn.find(text) == expected


@given(bodies_10)
def test_every_isbn_10_is_converted_as_python_stdnum_does(body):
    [fitting] = [body + check for check in "0123456789X" if standard.is_valid(body + check)]
    assert isbn.find(fitting) == standard.to_isbn13(fitting)


@given(valid_13, st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(number, place, shift):
    wrong = f"{number[:place]}{(int(number[place]) + shift) % 10}{number[place + 1 :]}"
    assert isbn.find(number) == number
    assert isbn.find(wrong) is None


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("439023483", "9780439023481"),
        ("439023483.0", "9780439023481"),
        ("8044203x", "9780080442037"),
        ("9780439023481.0", "9780439023481"),
        ("9780439023481.000", "9780439023481"),
        ("9.780439023481e+12", "9780439023481"),
        ("9.780439023481E12", "9780439023481"),
        ("9,780439023481E+12", "9780439023481"),
        ("97804390234.81e2", "9780439023481"),
        ("9.780439023481000e+12", "9780439023481"),
        ("9.78055381395e+12", "9780553813951"),
        ("9.7805538139e+12", None),
        ("4.39023483e8", "9780439023481"),
        ("4.39023483E+08", "9780439023481"),
        ("0439023483", "9780439023481"),
    ],
)
def test_a_spreadsheet_cell_is_recovered_when_it_can_only_be_one_isbn(cell, expected):
    if expected is None:
        assert reason(cell) == "the last digits are gone: 10 ISBNs would fit"
    else:
        assert isbn.recover(cell) == expected


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("9.78031601584e+12", "the last digits are gone: 2 ISBNs would fit"),
        ("9.78E+12", "the last digits are gone: 500000000 ISBNs would fit"),
        ("9.8E+12", "the last digits are gone: 2000000000 ISBNs would fit"),
        ("1e13", "the last digits are gone: 2000000000 ISBNs would fit"),
        ("9.780439023482e+12", "no ISBN fits"),
        ("4.00638133393e+12", "no ISBN fits"),
        ("9.7804390234815e+12", "it is not a whole number"),
        ("4.39023484e8", "no ISBN fits"),
        ("4.390e8", "the last digits are gone: many ISBNs would fit"),
        ("9e99", "no ISBN fits"),
        ("1e5", "no ISBN fits"),
        ("439023484", "the check digit does not fit, not even with leading zeros added"),
        ("439023", "it has 6 digits, and an ISBN has 10 or 13"),
        ("76783609419.0", "it has 11 digits, and an ISBN has 10 or 13"),
        ("9780439023481.5", "it has '.' in it"),
        ("nan", "it has the letter 'N' in it"),
        ("", "it is empty"),
    ],
)
def test_a_cell_that_could_be_none_or_several_is_refused(cell, why):
    assert reason(cell) == why


@given(valid_13, st.integers(1, 13))
def test_a_rounded_isbn_13_is_never_recovered_as_another(number, digits):
    try:
        assert isbn.recover(f"{int(number):.{digits - 1}e}") == number
    except InvalidInput as error:
        assert "ISBNs would fit" in error.detail
        assert digits < 13


@given(bodies_10, st.integers(4, 10))
def test_a_rounded_isbn_10_is_never_recovered_as_another(body, digits):
    number = next(body + check for check in "0123456789X" if standard.is_valid(body + check))
    if number[-1] != "X" and int(number) >= 10**6:
        try:
            assert isbn.recover(f"{int(number):.{digits - 1}e}") == standard.to_isbn13(number)
        except InvalidInput as error:
            assert "ISBNs would fit" in error.detail


@given(st.integers(9779 * 10**6, 9801 * 10**6), st.integers(1, 3))
def test_the_count_of_isbns_that_would_fit_is_what_trying_them_all_finds(shown, power):
    centre, half = shown * 10**3 // 10**power * 10**power, 10**power // 2
    everything = range(centre - half, centre + half + 1)
    fitting = [str(number) for number in everything if isbn.find(str(number))]
    cell = f"{centre // 10**power}e{power}"
    if len(fitting) == 1:
        assert isbn.recover(cell) == fitting[0]
    elif fitting:
        assert reason(cell) == f"the last digits are gone: {len(fitting)} ISBNs would fit"
    else:
        assert reason(cell) == "no ISBN fits"


@pytest.fixture(scope="module")
def goodbooks():
    if not (GOODBOOKS / "books.csv").exists():
        pytest.skip(f"the goodbooks data set is not in {GOODBOOKS}")

    def rows(name):
        with (GOODBOOKS / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return list(zip(rows("books.csv"), rows("catalogue.csv"), strict=True))


def outcome(cell):
    try:
        return isbn.recover(cell)
    except InvalidInput as error:
        why = error.detail.partition(" is not an ISBN: ")[2]
        if why.startswith("its check digit is"):
            return "wrong check digit"
        return why


def test_goodbooks_isbn_10_column_recovers_every_isbn_that_is_known_and_nothing_else(goodbooks):
    outcomes = [(outcome(book["isbn"]), known["isbn"]) for book, known in goodbooks]
    assert [(got, known) for got, known in outcomes if known and got != known] == []
    reasons = Counter("recovered" if known else got for got, known in outcomes)
    assert reasons == {
        "recovered": 9277,
        "it is empty": 700,
        "the check digit does not fit, not even with leading zeros added": 14,
        "wrong check digit": 9,
    }


def test_goodbooks_isbn_13_column_was_rounded_and_mostly_cannot_be_recovered(goodbooks):
    kinds = Counter()
    for book, known in goodbooks:
        got = outcome(book["isbn13"])
        if not got.isdigit():
            kinds["several" if got.endswith("would fit") else got] += 1
        elif known["isbn"]:
            kinds["as known" if got == known["isbn"] else "another edition"] += 1
        else:
            kinds["new"] += 1
    assert kinds == {
        "several": 6835,
        "as known": 2509,
        # Checked by hand: these rows name two editions, differing in far more than the last digit.
        "another edition": 5,
        "new": 32,
        "it is empty": 585,
        "no ISBN fits": 30,
        "it has 11 digits, and an ISBN has 10 or 13": 4,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("9780141439519", "as an ISBN, its check digit is 9 and should be 8"),
        ("0-14-143951-x", "as an ISBN, its check digit is X and should be 3"),
        ("9780141439518", ""),
        ("HX-1", ""),
        ("12345678", ""),
        ("5012345678901", ""),
    ],
)
def test_a_check_digit_that_fails_is_said(text, said):
    assert isbn.misread(text) == said
