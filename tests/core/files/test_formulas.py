"""Cells that a spreadsheet would run."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bvinv.core.files import formulas

DANGEROUS = "=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20"
HOSTILE = st.text(alphabet=st.sampled_from(f"{DANGEROUS}'' \u00a0a1\"") | st.characters())


@pytest.mark.parametrize("first", DANGEROUS)
def test_what_begins_like_a_formula_gets_an_apostrophe(first):
    assert formulas.escape(f"{first}1+1") == f"'{first}1+1"
    assert formulas.escape(f"  {first}1") == f"'  {first}1"
    assert formulas.unescape(f"'{first}1+1") == f"{first}1+1"


@pytest.mark.parametrize("cell", ["", "'", "''", "'tis", "a=1", "O'Brien", " a", "'a=1", '"=1"'])
def test_everything_else_stays_as_it_is(cell):
    assert formulas.escape(cell) == cell
    assert formulas.unescape(cell) == cell


def test_an_apostrophe_that_would_be_lost_gets_another():
    assert formulas.escape("'=1") == "''=1"
    assert formulas.unescape("''=1") == "'=1"


@given(HOSTILE)
@example("'=1")
@example("''\0")
def test_any_text_comes_back(text):
    assert formulas.unescape(formulas.escape(text)) == text


@given(HOSTILE)
def test_no_cell_begins_like_a_formula(text):
    assert formulas.escape(text).lstrip(" \u00a0")[:1] not in set(DANGEROUS)
