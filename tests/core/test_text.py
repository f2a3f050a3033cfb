"""Incoming text is stored in one form, or refused with a message that can be printed."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bvinv.core import text as texts
from bvinv.core.errors import InvalidInput


def refusal(function, *arguments, **options):
    with pytest.raises(InvalidInput) as refused:
        function(*arguments, **options)
    refused.value.detail.encode()  # A lone surrogate in the message would fail to print.
    return refused.value.detail


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("HX-1", "HX-1"),
        ("  HX 1 b ", "HX 1 b"),
        ("\u00a0HX-1\u3000", "HX-1"),
        ("Ü-1", "Ü-1"),
        ("U\u0308-1", "Ü-1"),
        ("本-1", "本-1"),
        ("x" * 64, "x" * 64),
        ("u\u0308" * 64, "ü" * 64),
    ],
)
def test_a_code_is_kept_in_form_c_without_the_spaces_around_it(given_text, kept):
    assert texts.code(given_text, what="SKU") == kept


@pytest.mark.parametrize(
    ("given_text", "why"),
    [
        ("", "the SKU is empty"),
        ("   ", "the SKU is empty"),
        ("x" * 65, "the SKU has 65 characters; at most 64 are allowed"),
        ("ü" * 65, "the SKU has 65 characters; at most 64 are allowed"),
        ("ü" * 10**6, "the SKU has 1000000 characters; at most 64 are allowed"),
        ("A=1", "the SKU may not contain '=' or ',': 'A=1'"),
        ("A,B", "the SKU may not contain '=' or ',': 'A,B'"),
        ("A  B", "the SKU has two spaces in a row: 'A  B'"),
        ("A\tB", "the SKU has a control character: '\\t' at character 2"),
        ("AB\n", "the SKU has a control character: '\\n' at character 3"),
        ("A\x00B", "the SKU has a control character: '\\x00' at character 2"),
        ("A\x7fB", "the SKU has a control character: '\\x7f' at character 2"),
        ("A\x85B", "the SKU has a control character: '\\x85' at character 2"),
        ("A\u2028B", "the SKU has a control character: '\\u2028' at character 2"),
        ("A\ud800", "the SKU has half of a surrogate pair: '\\ud800' at character 2"),
        ("A\u00a0B", "the SKU has a character that cannot be printed: '\\xa0'"),
        ("A\u200bB", "the SKU has a character that cannot be printed: '\\u200b'"),
        ("A\u202eB", "the SKU has a character that cannot be printed: '\\u202e'"),
        ("\ufeffA", "the SKU has a character that cannot be printed: '\\ufeff'"),
    ],
)
def test_a_code_that_could_be_misread_is_refused(given_text, why):
    assert refusal(texts.code, given_text, what="SKU") == why


def test_a_line_keeps_what_languages_and_emoji_need():
    for kept in (
        "Les Misérables",
        "می\u200cخواهم",
        "👩\u200d🚀",
        "a  b",
        "x=1, y=2",
        "«\u00a0oui\u00a0»",
    ):
        assert texts.line(kept, what="title") == kept
    assert texts.line(" e\u0301 ", what="title") == "é"


@pytest.mark.parametrize(
    ("given_text", "why"),
    [
        (" ", "the title is empty"),
        ("x" * 501, "the title has 501 characters; at most 500 are allowed"),
        ("a\nb", "the title has a control character: '\\n' at character 2"),
        ("a\r\nb", "the title has a control character: '\\r' at character 2"),
        ("é\x1b[2J", "the title has a control character: '\\x1b' at character 2"),
        ("a\u2029b", "the title has a control character: '\\u2029' at character 2"),
        ("a\udfff", "the title has half of a surrogate pair: '\\udfff' at character 2"),
    ],
)
def test_a_line_is_one_line_of_text_that_can_be_stored(given_text, why):
    assert refusal(texts.line, given_text, what="title") == why


def test_a_block_keeps_newlines_and_tabs_and_makes_windows_line_ends_plain():
    assert texts.block("\n# A\r\n\n\tb e\u0301\n ", what="description") == "# A\n\n\tb é"
    assert len(texts.block("é" * 100_000, what="description")) == 100_000


@pytest.mark.parametrize(
    ("given_text", "why"),
    [
        ("\n\t \n", "the description is empty"),
        ("a\rb", "the description has a control character: '\\r' at character 2"),
        ("a\x00b", "the description has a control character: '\\x00' at character 2"),
        ("a\x0cb", "the description has a control character: '\\x0c' at character 2"),
        ("a\udc00", "the description has half of a surrogate pair: '\\udc00' at character 2"),
        ("x" * 100_001, "the description has 100001 characters; at most 100000 are allowed"),
    ],
)
def test_a_block_refuses_what_cannot_be_stored(given_text, why):
    assert refusal(texts.block, given_text, what="description") == why


def test_accents_piled_up_to_slow_the_machine_down_are_refused_quickly():
    piled = "a" + "\u0300\u0316" * 49_999
    start = time.perf_counter()
    why = refusal(texts.block, piled, what="description")
    assert why == "the description has more than 30 accents on one letter"
    assert time.perf_counter() - start < 1


@given(st.text(st.characters(codec=None, categories=None), max_size=80))
def test_whatever_comes_in_what_goes_out_can_be_stored_and_goes_in_again_unchanged(given_text):
    for function in (texts.code, texts.line, texts.block):
        try:
            kept = function(given_text, what="text")
        except InvalidInput as error:
            error.detail.encode()
            continue
        kept.encode()
        assert unicodedata.is_normalized("NFC", kept)
        assert "\x00" not in kept
        assert function(kept, what="text") == kept


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("hx-1", "HX-1"),
        ("Straße", "STRASSE"),
        ("ÉCOLE", "e\u0301cole"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("\u212a", "k"),
        ("\u1e9e", "ß"),
    ],
)
def test_texts_that_differ_in_case_only_have_one_key(one, other):
    assert texts.key(one) == texts.key(other)


@pytest.mark.parametrize(("one", "other"), [("m²", "m2"), ("①", "1"), ("Ａ", "A"), ("e", "é")])
def test_texts_that_differ_in_more_than_case_have_two_keys(one, other):
    assert texts.key(one) != texts.key(other)


def test_the_key_of_a_key_is_the_key_for_every_character():
    for point in (*range(0xD800), *range(0xE000, 0x110000)):
        once = texts.key(chr(point))
        assert texts.key(once) == once


@given(st.text())
def test_equivalent_texts_have_one_key(given_text):
    decomposed = unicodedata.normalize("NFD", given_text)
    assert texts.key(decomposed) == texts.key(given_text)


@pytest.mark.parametrize(("value", "number"), [("1", 1), (7, 7), ("007", 7), ("1000000000", 10**9)])
def test_a_quantity_is_a_whole_number(value, number):
    assert texts.quantity(value) == number


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1.5", "'1.5'"),
        ("1e3", "'1e3'"),
        ("1_000", "'1_000'"),
        (" 7 ", "' 7 '"),
        ("7\n", "'7\\n'"),
        ("+5", "'+5'"),
        ("-5", "'-5'"),
        ("", "''"),
        ("٣", "'٣'"),
        ("²", "'²'"),
        ("0x7", "'0x7'"),
        ("\ud800", "'\\ud800'"),
        ("NaN", "'NaN'"),
        ("0", "'0'"),
        (0, "0"),
        (-1, "-1"),
        (10**9 + 1, "1000000001"),
        (2**63, "9223372036854775808"),
        (10**400, "a number of 1329 bits"),
        (True, "True"),
        (5.0, "5.0"),
        (None, "None"),
        ([7] * 99, "[7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,…"),
        ("9" * 5000, f"'{'9' * 39}…' (5000 characters)"),
    ],
)
def test_anything_else_is_not_a_quantity(value, shown):
    message = f"the quantity must be a whole number from 1 to 1000000000, not {shown}"
    assert refusal(texts.quantity, value) == message


def test_a_sign_is_allowed_where_less_than_zero_is():
    options = {"what": "change", "minimum": -10, "maximum": 10}
    assert [texts.quantity(value, **options) for value in ("+5", "-5", "5", "-0")] == [5, -5, 5, 0]
    for value in ("--5", "+", "-", "+-5", "- 5", "-11", "−5"):
        message = f"the change must be a whole number from -10 to 10, not '{value}'"
        assert refusal(texts.quantity, value, **options) == message


def test_zero_is_a_quantity_only_if_the_minimum_says_so():
    assert texts.quantity("0", minimum=0) == 0
    assert refusal(texts.quantity, "-0", minimum=0).endswith("not '-0'")


def test_lines_keep_the_order_they_came_in():
    assert texts.lines(["HX-1=7", "  b 2 =1", "HX-1=2"]) == [("HX-1", 7), ("b 2", 1), ("HX-1", 2)]


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([], "there are no lines"),
        (["HX-1=7", "HX-2"], "line 2, 'HX-2': there is no '='"),
        (["=7"], "line 1, '=7': the SKU is empty"),
        (["A=B=3"], "line 1, 'A=B=3': the SKU may not contain '=' or ',': 'A=B'"),
        (
            ["A=1.5"],
            "line 1, 'A=1.5': the quantity must be a whole number from 1 to 1000000000, not '1.5'",
        ),
        (
            ["A=1,B=2"],
            "line 1, 'A=1,B=2': the SKU may not contain '=' or ',': 'A=1,B'",
        ),
    ],
)
def test_a_wrong_line_is_named_by_its_place(items, why):
    with pytest.raises(InvalidInput) as refused:
        texts.lines(items)
    assert refused.value.detail == why
    assert refused.value.hint == "write SKU=QTY, for example HX-1=3"
