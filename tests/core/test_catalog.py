"""The catalogue: products by any of their names, and what it does not let in or out."""

import base64
import json
from contextlib import closing
from functools import partial
from threading import Barrier, Thread

import pytest

from bvinv.core import catalog, categories, items, stock
from bvinv.core.db import Database
from bvinv.core.errors import Conflict, InvalidInput, NotFound, VersionMoved
from tests import books
from tests.books import act, adjust, ask, events, fetch, release, reserve, snapshot
from tests.demand_books import (
    FORECAST_LEVEL,
    FORECAST_OVERRIDE,
    FORECAST_RUN,
    REORDER_SUGGESTION,
    entry,
    put,
    sold_before,
)

ISBN = "9780306406157"


def add(database, sku, **fields):
    fields = {"sku": sku, "title": f"Book {sku}"} | fields
    return act(database, lambda s: catalog.add(s, fields=fields))


def change(database, ref, expected_version=None, **fields):
    return act(
        database,
        lambda s: catalog.change(s, ref=ref, fields=fields, expected_version=expected_version),
    )


def replace(database, ref, expected_version=None, **fields):
    return act(
        database,
        lambda s: catalog.replace(s, ref=ref, fields=fields, expected_version=expected_version),
    )


def codes(row):
    return {one.code: one.pack_quantity for one in row.barcodes}


def remove(database, ref, expected_version=None):
    return act(database, lambda s: catalog.remove(s, ref=ref, expected_version=expected_version))


def show(database, ref):
    return ask(database, lambda s: catalog.show(s, ref=ref))


def page(database, **filters):
    rows, cursor = ask(database, lambda s: catalog.products(s, **filters))
    return [row.sku for row in rows], cursor


def refused(database, error, said, action):
    """Assert that the action is refused with these words, and that nothing changed."""
    before = snapshot(database)
    with pytest.raises(error) as found:
        action()
    assert found.value.detail == said
    assert snapshot(database) == before


def test_a_product_keeps_what_it_was_given(database):
    act(database, lambda s: categories.add(s, slug="science-fiction", name="Science Fiction"))
    row = add(
        database,
        "HX-1",
        title="Straße nach Ü",
        author="Ann Ö",
        isbn="0-306-40615-2",
        price="12.99",
        currency="EUR",
        category="Science Fiction",
        rating="4.25",
        publication_date="1999-05",
        attributes="binding=paper;pages=312",
        barcode="77 78",
    )

    shown = row.record()
    assert show(database, "HX-1").record() | shown == show(database, "HX-1").record()
    assert {name: shown[name] for name in ("sku", "isbn", "price", "currency", "rating")} == {
        "sku": "HX-1",
        "isbn": ISBN,
        "price": "12.99",
        "currency": "EUR",
        "rating": 4.25,
    }
    assert (shown["category"], shown["status"], shown["version"]) == (
        "science-fiction",
        "active",
        1,
    )
    assert shown["attributes"] == {"binding": "paper", "pages": 312}
    assert codes(row) == {"77": 1, "78": 1}
    assert events(database)[-1] == ("product.created", "HX-1")


@pytest.mark.parametrize("ref", ["HX-1", "hx-1", " HX-1 ", "0-306-40615-2", ISBN, "77"])
def test_a_product_has_many_names(database, ref):
    add(database, "HX-1", isbn=ISBN, barcode="77")

    assert show(database, ref).sku == "HX-1"


def test_a_sku_goes_before_a_barcode_and_a_barcode_before_an_isbn(database):
    add(database, "A", isbn=ISBN)
    add(database, "B", barcode=ISBN)
    add(database, "C", barcode="D")
    add(database, "D")

    assert show(database, ISBN).sku == "B"
    assert show(database, "0306406152").sku == "A"
    assert show(database, "D").sku == "D"


def test_unknown_names_are_named(stocked):
    with pytest.raises(NotFound, match="there is no product 'X', 'Y'") as refusal:
        ask(stocked, lambda s: items.named(s, ["X", "HX-1", "Y"]))

    assert [one["sku"] for one in refusal.value.errors] == ["X", "Y"]


def test_what_is_taken_is_refused(database):
    add(database, "HX-1", isbn=ISBN, barcode="77")

    for said, fields in {
        "the SKU HX-1 belongs to HX-1 already": {"sku": "hx-1"},
        f"the ISBN {ISBN} belongs to HX-1 already": {"sku": "B", "isbn": "0306406152"},
        "the barcode 77 belongs to HX-1 already": {"sku": "B", "barcode": "77"},
    }.items():
        refused(database, Conflict, said, lambda f=fields: add(database, f.pop("sku"), **f))


def test_one_sku_in_two_spellings_is_one_sku(database):
    add(database, "STRA\u00dfE-\u00c9")

    with pytest.raises(Conflict):
        add(database, "strasse-E\u0301")


@pytest.mark.parametrize(
    "fields",
    [
        {"title": ""},
        {"isbn": "9780306406158"},
        {"price": "12.999"},
        {"price": "-1"},
        {"price": "abc"},
        {"currency": "EUR"},
        {"rating": "5.01"},
        {"rating": "-1"},
        {"status": "sold"},
        {"publication_date": "1999-13"},
        {"image_url": "ftp://example.com/x"},
        {"attributes": "{"},
        {"barcode": "a\0"},
        {"title": "\ud800"},
        {"title": "x" * 1001},
        {"sku": "A=B"},
        {"sku": "x" * 65},
    ],
)
def test_a_field_that_makes_no_sense_is_refused(database, fields):
    before = snapshot(database)

    with pytest.raises(InvalidInput):
        add(database, **({"sku": "HX-1"} | fields))

    assert snapshot(database) == before


def test_attributes_are_typed_by_use_and_merged(database):
    add(database, "HX-1", attributes="pages=320;signed=true;colour=red", options='{"size":"40"}')

    row = change(database, "HX-1", attributes="colour=;pages=321;binding=paper", options="size=41")

    assert row.attributes == {"pages": 321, "signed": True, "binding": "paper"}
    assert (row.options, row.version) == ({"size": 41}, 2)
    before = snapshot(database)
    assert change(database, "HX-1", attributes="signed=true;nothing=").version == 2
    assert snapshot(database) == before
    assert change(database, "HX-1", attributes='{"pages":null}').attributes == {
        "signed": True,
        "binding": "paper",
    }
    assert change(database, "HX-1", attributes="").attributes == {}


def test_a_product_has_a_hundred_attributes_at_most(database):
    add(database, "HX-1", attributes=";".join(f"a{n}={n}" for n in range(100)))

    refused(
        database,
        InvalidInput,
        "a product has 100 attributes at most, not 101",
        lambda: change(database, "HX-1", attributes="b=1"),
    )
    assert len(change(database, "HX-1", attributes="a0=;b=1").attributes) == 100


def test_what_was_published_is_no_draft_again(database):
    add(database, "HX-1", status="draft")
    assert change(database, "HX-1", status="active").status == "active"

    said = "HX-1 was published, so it cannot be a draft again"
    refused(database, Conflict, said, lambda: change(database, "HX-1", status="draft"))
    assert change(database, "HX-1", status="discontinued").status == "discontinued"
    refused(database, Conflict, said, lambda: change(database, "HX-1", status="draft"))
    assert change(database, "HX-1", status="active").version == 4


def test_a_price_of_what_is_published_is_only_asked_for(database):
    add(database, "HX-1", price="10")

    row = change(database, "HX-1", price="12", author="Ann")

    assert (row.price, row.author, row.version) == ("10.00", "Ann", 2)
    assert fetch(database, "SELECT type, data FROM event ORDER BY id")[-1] == (
        "product.updated",
        '{"author":"Ann"}',
    )
    assert change(database, "HX-1", price="13").version == 2
    assert fetch(database, "SELECT state, new_price FROM price_change ORDER BY id") == [
        ("superseded", 1200),
        ("requested", 1300),
    ]


def test_a_product_shows_its_variants_and_what_all_of_them_have(stocked):
    add(stocked, "S", title="Shirt", price="10", currency="EUR")
    for sku, parent, options in (
        *(("S-M", "S", "size=M"), ("S-L", "S", "size=L")),
        ("S-L-RED", "S-L", "size=L;colour=red"),
    ):
        add(stocked, sku, variant_of=parent, options=options, price="12", currency="EUR")
    for sku, pieces in (("S", 1), ("S-M", 2), ("S-L-RED", 4)):
        books.receive(stocked, sku, pieces, "MAIN", bin="SHELF")
    reserve(stocked, "SO-1", "S-L-RED=1@MAIN")

    row = show(stocked, "S")

    assert row.available == 6
    assert [(one.sku, one.variant_of, one.options, one.available) for one in row.variants] == [
        ("S-L", "S", {"size": "L"}, 0),
        ("S-L-RED", "S-L", {"size": "L", "colour": "red"}, 3),
        ("S-M", "S", {"size": "M"}, 2),
    ]
    assert {(one.price, one.currency, one.status) for one in row.variants} == {
        ("12.00", "EUR", "active")
    }
    middle = show(stocked, "S-L")
    assert (middle.variant_of, middle.available, len(middle.variants)) == ("S", 3, 1)
    assert (show(stocked, "S-M").variants, show(stocked, "HX-3").available) == ([], 0)


def test_a_description_is_rendered_where_it_is_asked_for(database):
    add(database, "HX-1", description="A *book*.\n<script>")

    plain = show(database, "HX-1")
    rendered = ask(database, lambda s: catalog.show(s, ref="HX-1", html=True))

    assert (plain.description, plain.description_html) == ("A *book*.\n<script>", None)
    assert rendered.description_html == "<p>A <em>book</em>.\n&lt;script&gt;</p>\n"


def test_a_category_or_parent_has_to_be_there(database):
    refused(
        database,
        NotFound,
        "there is no category poetry",
        lambda: add(database, "A", category="Poetry"),
    )
    refused(
        database, NotFound, "there is no product 'B'", lambda: add(database, "A", variant_of="B")
    )


def test_a_change_counts_the_version_and_no_change_does_not(database):
    add(database, "HX-1", author="Ann", isbn=ISBN)

    row = change(database, "HX-1", author="Bob", isbn="")
    assert (row.author, row.isbn, row.version) == ("Bob", None, 2)
    before = snapshot(database)
    assert change(database, "HX-1", author="Bob").version == 2
    assert snapshot(database) == before


def test_a_change_of_what_somebody_else_changed_is_refused(database):
    add(database, "HX-1")
    change(database, "HX-1", 1, author="Ann")

    actions = [
        lambda expected: change(database, "HX-1", expected, author="Bob"),
        lambda expected: replace(database, "HX-1", expected, title="x"),
        lambda expected: remove(database, "HX-1", expected),
    ]
    for action in actions:
        refused(database, VersionMoved, "HX-1 is at version 2, not 1", partial(action, 1))
        # What a client sends that is no version at all.
        said = "HX-1 is at version 2, which is not what was expected"
        refused(database, VersionMoved, said, partial(action, -1))
    for action in actions:
        action(show(database, "HX-1").version)
    assert fetch(database, "SELECT 1 FROM product") == []


def test_what_is_not_said_anew_has_its_default(database):
    act(database, lambda s: categories.add(s, slug="poetry"))
    add(database, "TOP")
    add(
        database,
        "HX-1",
        isbn=ISBN,
        author="Ann",
        description="Long",
        category="poetry",
        price="3",
        currency="EUR",
        status="draft",
        publication_date="1997",
        rating="4",
        image_url="https://example.org/a.jpg",
        attributes="a=1;b=2",
        variant_of="TOP",
        options="size=L",
        barcode="1234=2",
        tracks_lots="true",
        protects_safety_stock="true",
    )
    row = replace(database, "HX-1", title="New", attributes="b=3")
    blank = add(database, "BLANK", title="New", attributes="b=3")
    differing = {"id", "sku", "version", "created_at", "updated_at"}
    assert row.model_dump(exclude=differing) == blank.model_dump(exclude=differing)
    assert (row.sku, row.version) == ("HX-1", 2)
    assert replace(database, "HX-1", title="New", attributes="b=3").version == 2
    for fields in ({}, {"title": ""}):
        refused(
            database,
            InvalidInput,
            "a product needs a title",
            partial(replace, database, "HX-1", **fields),
        )


def test_a_price_that_is_said_anew_waits_like_any_other(database):
    add(database, "HX-1", price="3", currency="EUR")
    row = replace(database, "HX-1", title="Book HX-1", price="4")
    assert (row.price, row.currency, row.version) == ("3.00", "EUR", 1)
    assert (row.price_request.price, row.price_request.currency) == ("4.00", "EUR")
    row = replace(database, "HX-1", title="Book HX-1")
    assert (row.price, row.price_request.price) == ("3.00", None)


def test_lots_that_lie_there_stay_tracked_however_it_is_said(stocked):
    change(stocked, "HX-3", tracks_lots="true")
    adjust(stocked, "HX-3", "MAIN", 5, reason="found", lot="L-1", expires_on=20270101)
    said = "5 pieces of HX-3 are of lot L-1, at MAIN"
    for fields in ({"tracks_lots": ""}, {"tracks_lots": "false"}):
        refused(stocked, Conflict, said, partial(change, stocked, "HX-3", **fields))
    refused(stocked, Conflict, said, partial(replace, stocked, "HX-3", title="x"))


def test_a_sku_never_changes_and_a_title_stays(database):
    add(database, "HX-1")

    refused(
        database,
        InvalidInput,
        "a SKU never changes: the ledger and other people's systems know it",
        lambda: change(database, "HX-1", sku="HX-2"),
    )
    refused(
        database,
        InvalidInput,
        "a product needs a title",
        lambda: change(database, "HX-1", title=""),
    )


def test_a_price_keeps_its_currency(database):
    add(database, "HX-1", price="10", currency="JPY", status="draft")

    row = change(database, "HX-1", price="12")

    assert (row.price, row.currency) == ("12", "JPY")
    row = change(database, "HX-1", price="")
    assert (row.price, row.currency) == (None, None)


def test_barcodes_are_replaced(database):
    add(database, "HX-1", barcode="77 78")

    assert codes(change(database, "HX-1", barcode="78;79=12")) == {"78": 1, "79": 12}
    assert codes(add(database, "HX-2", barcode="77")) == {"77": 1}
    row = change(database, "HX-1", barcode="78=6;79=12")
    assert (codes(row), row.version) == ({"78": 6, "79": 12}, 3)
    assert change(database, "HX-1", barcode="79=12 78=6").version == 3
    assert codes(change(database, "HX-1", barcode="")) == {}


@pytest.mark.parametrize(
    "written",
    ["77=", "77=0", "77=-1", "77=1.5", "77=1_0", "77=1000001", "=12", "77=1=2", "7=1 7=2"],
)
def test_a_pack_is_a_whole_number_and_the_same_each_time(database, written):
    before = snapshot(database)

    with pytest.raises(InvalidInput):
        add(database, "HX-1", barcode=written)

    assert snapshot(database) == before


def test_a_product_is_not_its_own_variant(database):
    add(database, "HX-1")

    refused(
        database,
        InvalidInput,
        "HX-1 cannot be a variant of itself",
        lambda: change(database, "HX-1", variant_of="hx-1"),
    )


def test_a_product_without_history_is_deleted(database):
    add(database, "HX-1", barcode="77")

    assert remove(database, "HX-1").sku == "HX-1"

    with pytest.raises(NotFound):
        show(database, "HX-1")
    assert fetch(database, "SELECT count(*) FROM barcode") == [(0,)]
    assert events(database)[-1] == ("product.deleted", "HX-1")


def test_a_product_with_history_is_kept_with_its_history(stocked):
    adjust(stocked, "HX-1", "MAIN", -10)
    before = fetch(stocked, "SELECT * FROM movement ORDER BY id")

    row = remove(stocked, "HX-1")

    assert (row.status, row.version) == ("discontinued", 2)
    assert fetch(stocked, "SELECT * FROM movement ORDER BY id") == before
    assert ask(stocked, lambda s: stock.show(s, ref="HX-1"))[0].on_hand == 0


def test_a_product_whose_price_has_a_history_is_kept(database):
    add(database, "HX-1", price="10")
    change(database, "HX-1", price="12")

    assert remove(database, "HX-1").status == "discontinued"
    before = snapshot(database)
    assert remove(database, "HX-1").version == 2
    assert snapshot(database) == before


def test_a_product_whose_demand_was_imported_is_kept_with_it(stocked):
    sold_before(stocked, "HX-3,2026-02-01,4")

    assert remove(stocked, "HX-3").status == "discontinued"
    assert fetch(stocked, "SELECT day_on, quantity FROM demand_day") == [(20260201, 4)]


def test_a_product_in_the_calendar_is_kept(stocked):
    entry(stocked, 20260301, 20260307, percent=150, ref="HX-3")

    assert remove(stocked, "HX-3").status == "discontinued"
    assert fetch(stocked, "SELECT percent FROM calendar_entry") == [(150,)]


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("forecast_level", FORECAST_LEVEL),
        ("forecast_override", FORECAST_OVERRIDE),
        ("reorder_suggestion", REORDER_SUGGESTION),
    ],
)
def test_a_product_that_was_forecast_or_suggested_is_kept(stocked, table, values):
    put(stocked, "forecast_run", FORECAST_RUN)
    put(stocked, table, values)

    assert remove(stocked, "HX-3").status == "discontinued"
    assert fetch(stocked, f"SELECT count(*) FROM {table}") == [(1,)]


def test_the_service_level_of_a_product_goes_with_it(stocked):
    numbers = dict(fetch(stocked, "SELECT sku, id FROM product"))
    for sku in ("HX-1", "HX-3"):
        target = {"scope": "product", "subject": numbers[sku], "level": 9500, "kind": "cycle"}
        put(stocked, "service_target", target | {"updated_at": 0})

    remove(stocked, "HX-3")

    assert fetch(stocked, "SELECT subject FROM service_target") == [(numbers["HX-1"],)]
    assert events(stocked)[-1] == ("product.deleted", "HX-3")


def test_a_product_in_use_is_not_removed(stocked):
    refused(
        stocked,
        Conflict,
        "HX-1 still has 10 pieces in stock",
        lambda: remove(stocked, "HX-1"),
    )
    reserve(stocked, "SO-1", "HX-3=1@MAIN", backorder=True)
    refused(stocked, Conflict, "HX-3 is promised to somebody", lambda: remove(stocked, "HX-3"))
    release(stocked, "SO-1")
    add(stocked, "HX-4", variant_of="HX-3")
    refused(stocked, Conflict, "HX-3 has variants", lambda: remove(stocked, "HX-3"))


def test_a_promise_that_ran_out_keeps_no_product(stocked, clock):
    reserve(stocked, "SO-1", "HX-3=1@MAIN", backorder=True)
    clock.advance(books.HOUR)

    assert remove(stocked, "HX-3").status == "discontinued"


def many(database):
    for number, (author, price) in enumerate(
        [("Zoe", "5"), ("ann", ""), ("Ann", "7"), ("Bob", "5"), ("100%", "")]
    ):
        add(database, f"P-{number}", author=author, price=price)


@pytest.mark.parametrize("sort", [*catalog.SORTS, *(f"-{name}" for name in catalog.SORTS)])
def test_every_order_can_be_paged_through_without_gap_or_repeat(database, sort):
    many(database)
    everything, _ = page(database, sort=sort)
    assert sorted(everything) == ["P-0", "P-1", "P-2", "P-3", "P-4"]

    seen, cursor = [], None
    while True:
        rows, cursor = page(database, sort=sort, limit=2, after=cursor)
        seen += rows
        if cursor is None:
            break
    assert seen == everything


def test_products_are_listed_in_the_order_that_is_asked_for(database):
    many(database)

    assert page(database, sort="price")[0] == ["P-1", "P-4", "P-0", "P-3", "P-2"]
    assert page(database, sort="-sku", limit=2)[0] == ["P-4", "P-3"]
    assert page(database, author="ANN")[0] == ["P-1", "P-2"]
    assert page(database, author="%")[0] == ["P-4"]
    assert page(database, status="draft") == ([], None)
    with pytest.raises(InvalidInput, match="products are sorted by sku, title"):
        page(database, sort="id; DROP TABLE product")
    with pytest.raises(InvalidInput, match="the status is one of draft"):
        page(database, status="sold")


def forged(*said):
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "ü",
        forged("sku", 5, 1),
        forged("sku", "a", "b"),
        forged("sku", "a", 2**63),
        forged("sku", "a", True),
        forged("sku", "a\0", 1),
        forged("sku", "\ud800", 1),
        forged("title", "a", 1),
        forged("sku"),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        base64.urlsafe_b64encode(b"5").decode(),
    ],
)
def test_a_forged_cursor_is_refused(database, cursor):
    with pytest.raises(InvalidInput):
        page(database, after=cursor)


def test_a_forged_cursor_of_a_number_is_refused(database):
    with pytest.raises(InvalidInput):
        page(database, sort="price", after=forged("price", "a", 1))


@pytest.mark.parametrize("author", ["\0", "\ud800"])
def test_an_author_that_no_book_can_have_is_refused(database, author):
    with pytest.raises(InvalidInput):
        page(database, author=author)


def test_a_product_cannot_be_a_variant_of_its_own_variant(database):
    books.add_products(database, "HX-1", "HX-2")
    books.act(database, lambda s: catalog.change(s, ref="HX-2", fields={"variant_of": "HX-1"}))
    before = books.snapshot(database)

    with pytest.raises(InvalidInput, match="HX-1 would be a variant of its own variant"):
        books.act(database, lambda s: catalog.change(s, ref="HX-1", fields={"variant_of": "HX-2"}))

    assert books.snapshot(database) == before


def test_changes_at_once_make_no_circle_of_variants(where, database):
    books.add_products(database, "A", "B", "C", "D")
    change(database, "B", variant_of="A")
    change(database, "D", variant_of="C")
    ended = []

    def changer(sku, parent, start):
        with closing(Database(where)) as mine:
            mine.engine  # noqa: B018 - connected before the race begins
            start.wait(10)
            try:
                change(mine, sku, variant_of=parent)
                ended.append("changed")
            except InvalidInput:
                ended.append("refused")

    for _ in range(10):
        change(database, "A", variant_of="")
        change(database, "C", variant_of="")
        ended.clear()
        start = Barrier(2)
        pairs = (("A", "D"), ("C", "B"))
        changers = [Thread(target=changer, args=(*pair, start)) for pair in pairs]
        for one in changers:
            one.start()
        for one in changers:
            one.join(30)
        assert sorted(ended) == ["changed", "refused"]
