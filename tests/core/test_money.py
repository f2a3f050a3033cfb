"""Money is exact, in minor units, and never guessed."""

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency

from bvinv.core import money
from bvinv.core.errors import InvalidInput


@pytest.mark.parametrize("text", ["GBP", "gbp", " Gbp "])
def test_a_currency_is_its_upper_case_code(text):
    assert money.currency(text) == "GBP"


@pytest.mark.parametrize(
    "text", ["", "GB", "GBPX", "ABC", "XAU", "XXX", "ßp", "£", "ＧBP", "\ud800"]
)
def test_what_is_not_a_currency_with_a_minor_unit_is_refused(text):
    with pytest.raises(InvalidInput, match="is not a currency"):
        money.currency(text)
    with pytest.raises(InvalidInput, match="is not a currency"):
        money.minor_units("1", text)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.99", "GBP", 1299),
        ("1.5", "EUR", 150),
        ("1.500", "EUR", 150),
        (" 7 ", "eur", 700),
        ("0", "EUR", 0),
        ("0.00", "EUR", 0),
        ("0.01", "USD", 1),
        ("007.50", "EUR", 750),
        ("1299", "JPY", 1299),
        ("1299.00", "JPY", 1299),
        ("1.234", "KWD", 1234),
        ("1.2345", "CLF", 12345),
        ("10000000000000.00", "GBP", 10**15),
        ("1000000000000000", "JPY", 10**15),
    ],
)
def test_an_amount_becomes_minor_units_of_its_currency(text, currency, minor):
    assert money.minor_units(text, currency) == minor


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        ".5",
        "5.",
        "-1",
        "+1",
        "NaN",
        "inf",
        "1e3",
        "1E3",
        "1_000",
        "1 000",
        "1.2.3",
        "0x1",
        "٣",
        "1.٣",
        "²",
        "1'000",
        "1.-5",
        "\x00",
        "\ud800",
        "9" * 5000,
    ],
)
def test_what_is_not_a_plain_amount_is_refused(text):
    with pytest.raises(InvalidInput, match="is not an amount of money in GBP") as refused:
        money.minor_units(text, "gbp")
    assert refused.value.hint.startswith("write it like 12.99")
    assert len(refused.value.detail) < 200


@pytest.mark.parametrize("text", ["£12.99", "$12.99", "€ 12.99", "12.99€", "¥12"])
def test_a_currency_sign_is_refused_with_a_hint(text):
    with pytest.raises(InvalidInput) as refused:
        money.minor_units(text, "GBP")
    assert refused.value.hint == (
        "write it like 12.99; the currency is named apart, so leave its sign out"
    )


@pytest.mark.parametrize("text", ["1,299.00", "12,99"])
def test_a_comma_is_refused_with_a_hint(text):
    with pytest.raises(InvalidInput) as refused:
        money.minor_units(text, "GBP")
    assert refused.value.hint == (
        "write it like 12.99, with a point before the decimals and nothing between the thousands"
    )


@pytest.mark.parametrize(
    ("text", "currency", "places"), [("1.234", "EUR", 2), ("1.5", "JPY", 0), ("1.00001", "KWD", 3)]
)
def test_more_decimals_than_the_currency_has_are_refused(text, currency, places):
    message = f"'{text}' has more decimals than {currency}, which has {places}"
    with pytest.raises(InvalidInput) as refused:
        money.minor_units(text, currency)
    assert refused.value.detail == message


def test_more_than_ten_to_the_fifteenth_minor_units_is_refused():
    with pytest.raises(InvalidInput) as refused:
        money.minor_units("10000000000000.01", "GBP")
    assert refused.value.detail == (
        "'10000000000000.01' is too much: at most 10000000000000.00 GBP"
    )


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1299, "GBP", "12.99"),
        (5, "eur", "0.05"),
        (0, "EUR", "0.00"),
        (-1299, "GBP", "-12.99"),
        (-5, "GBP", "-0.05"),
        (1299, "JPY", "1299"),
        (1234, "KWD", "1.234"),
    ],
)
def test_an_amount_is_displayed_with_the_decimals_of_its_currency(minor, currency, text):
    assert money.display(minor, currency) == text


@given(st.integers(0, 10**15), st.sampled_from(sorted(Currency, key=lambda known: known.code)))
def test_what_is_displayed_is_read_back_exactly_in_every_currency(minor, currency):
    if currency.exponent is not None:
        text = money.display(minor, currency.code)
        assert money.minor_units(text, currency.code) == minor
        assert Decimal(text).scaleb(currency.exponent) == minor


def test_importing_money_does_not_read_the_currency_table():
    check = "import sys, bvinv.core.money; sys.exit('iso4217' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
