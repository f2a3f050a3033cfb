"""Which column of a file is which field, and the headers that leave doubt."""

import pytest

from bvinv.core.errors import InvalidInput
from bvinv.core.files import columns

FIELDS = ("sku", "title", "isbn", "publication_date")


def match(*names, required=("sku",), **more):
    return columns.match(names, fields=FIELDS, required=required, **more)


def refusal(*names, **more) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        match(*names, **more)
    return caught.value


@pytest.mark.parametrize("header", ["Publication Date", "publication-date", " PUBLICATION.DATE_"])
def test_headers_match_whatever_stands_between_their_words(header):
    assert match("sku", header) == {"sku": [0], "publication_date": [1]}


@pytest.mark.parametrize("header", ["ISBN-13", "isbn13", "isbn_13", "Isbn 13", "ISBN.13"])
def test_synonyms_match_whatever_stands_between_their_words(header):
    assert match("sku", header, synonyms={"isbn_13": "isbn"}) == {"sku": [0], "isbn": [1]}


def test_headers_match_whatever_their_case_spaces_and_hyphens():
    synonyms = {"isbn_13": "isbn", "name": "title"}
    assert match(" SKU ", "ISBN-13", "Name", synonyms=synonyms) == {
        "sku": [0],
        "isbn": [1],
        "title": [2],
    }


def test_a_synonym_stands_back_behind_the_field_itself():
    with pytest.raises(InvalidInput, match="unknown columns: name"):
        match("sku", "name", "title", synonyms={"name": "title"})


def test_the_second_synonym_of_a_field_is_unknown():
    with pytest.raises(InvalidInput, match="unknown columns: label"):
        match("sku", "name", "label", synonyms={"name": "title", "label": "title"})


def test_a_mapping_goes_first_and_keeps_its_order():
    assert match("b", "isbn", "sku", mapping={"isbn": "isbn", "b": "isbn"}, several=("isbn",)) == {
        "isbn": [1, 0],
        "sku": [2],
    }
    assert match("title", "sku", mapping={"title": "-"}) == {"sku": [1]}


@pytest.mark.parametrize(
    ("names", "more", "said"),
    [
        (("sku", "sku"), {}, "the header has 'sku' more than once"),
        (("sku", "S.K.U."), {}, "the columns 'sku' and 'S.K.U.' have the same name"),
        (("title",), {}, "the file has no column sku"),
        (("sku", "colour", "a b"), {}, "unknown columns: colour, 'a b'"),
        (("sku", "", ""), {}, "unknown columns: '', ''"),
        (
            ("sku",),
            {"mapping": {"x": "title"}},
            "the mapping names the column 'x', which is not there",
        ),
        (
            ("sku", "x"),
            {"mapping": {"x": "y"}},
            "the mapping names the field 'y', which is not known",
        ),
        (("sku", "x"), {"mapping": {"x": "-", "X": "-"}}, "the mapping names the column 'X' twice"),
        (
            ("sku", "x"),
            {"mapping": {"x": "sku"}},
            "the columns 'x' and 'sku' would both be the sku",
        ),
    ],
)
def test_a_header_that_leaves_doubt_is_refused(names, more, said):
    assert refusal(*names, **more).detail == said


def test_a_first_row_that_looks_like_no_header_is_hinted_at():
    assert refusal("HX-1", "Dune").hint == (
        "the file has: 'HX-1', Dune; use --mapping COLUMN=FIELD, "
        "or --no-header if that is the first row"
    )
    assert "--no-header" not in str(refusal("title", "isbn").hint)


def test_nothing_need_be_required():
    assert match("x", required=(), ignore_unknown=True) == {}


def test_unknown_columns_are_ignored_when_told_so_and_error_columns_always():
    assert match("sku", "x", "", "", ignore_unknown=True) == {"sku": [0]}
    assert match("sku", "error_code", "error_field", "Error Message") == {"sku": [0]}


def test_the_columns_of_a_rejects_file_are_known_however_they_are_written():
    assert [columns.is_error(name) for name in (*columns.ERROR_COLUMNS, "Error-Code", "error")] == [
        True,
        True,
        True,
        True,
        False,
    ]
