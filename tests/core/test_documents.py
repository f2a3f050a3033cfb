"""Numbers of documents: two letters and a number, read as people type them."""

import pytest

from bvinv.core import documents
from bvinv.core.errors import InvalidInput


def test_a_number_is_the_kind_and_the_row():
    assert documents.number("PO", 12) == "PO-12"


@pytest.mark.parametrize("typed", ["PO-12", "po-12", " PO-12 ", "12"])
def test_a_number_is_read_as_people_type_it(typed):
    assert documents.row_id("PO", typed) == 12


@pytest.mark.parametrize("typed", ["", "TR-12", "PO-", "PO12", "PO-1.5", "PO--1", "PO-٣", "x" * 99])
def test_what_is_no_number_of_that_kind_is_refused(typed):
    with pytest.raises(InvalidInput, match="is not the number of a purchase order") as found:
        documents.row_id("PO", typed)
    assert found.value.hint == "for example: PO-12"


@pytest.mark.parametrize(
    ("text", "kind"), [("TR-3", "TR"), ("rc-7", "RC"), ("XX-3", None), ("3", None), ("SO-1", None)]
)
def test_the_kind_of_a_number_is_known(text, kind):
    assert documents.kind_of(text) == kind


def test_what_is_not_there_is_named_with_where_to_look():
    error = documents.unknown("TR", 9, "bvinv transfer list")

    assert (error.detail, error.hint) == (
        "there is no transfer TR-9",
        "see: bvinv transfer list",
    )
