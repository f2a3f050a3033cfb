"""Many processes at once on one catalogue: one outcome each, no circle, nobody sees a lock."""

from collections import Counter

import pytest

from bvinv.core import catalog, categories, command_log, price_decisions, prices
from bvinv.core.errors import InventoryError
from tests import books, importers, workers

ROUNDS = 12


def ended(database, action, actor="tester"):
    """Return how an action ended: the code of its refusal, or nothing."""
    try:
        database.run(action, command_log.command("race", actor=actor))
    except InventoryError as error:
        return error.code
    return ""


def furnish(database, *fields):
    """Add these products."""
    for one in fields:
        books.act(database, lambda s, f=one: catalog.add(s, fields={"title": f["sku"]} | f))


# --- Categories ---------------------------------------------------------------------------------


def on_shelves(database, what, worker):
    """Do one kind of thing to each of the shelves in turn; return how each ended."""
    ends = []
    for number in range(ROUNDS):
        slug = f"s-{number}"
        sku = f"HX-{worker}-{number}"
        action = {
            "delete": lambda s, a=slug: categories.delete(s, slug=a),
            "rename": lambda s, a=slug: categories.rename(s, slug=a, name=f"{a} {worker}"),
            "move": lambda s, a=slug: categories.move(s, slug=a, parent="top"),
            "fill": lambda s, a=slug, c=sku: catalog.add(
                s, fields={"sku": c, "title": c, "category": a}
            ),
            "below": lambda s, a=slug: categories.add(s, slug=f"{a}-{worker}", parent=a),
        }[what]
        ends.append(ended(database, action))
    return ends


@pytest.mark.parametrize("other", ["rename", "move", "fill", "below", "delete"])
def test_a_category_is_deleted_once_or_in_use(database, where, other):
    books.act(database, lambda s: categories.add(s, slug="top"))
    for number in range(ROUNDS):
        books.act(database, lambda s, n=number: categories.add(s, slug=f"s-{n}"))

    ways = [("delete", 0), ("delete", 1), (other, 2), (other, 3)]
    answers = workers.together(where, on_shelves, ways)

    left = {row.slug: row for row in books.ask(database, categories.categories)}
    for number in range(ROUNDS):
        ends = [answer[number] for answer in answers]
        deleted = ends[:2] if other != "delete" else ends
        slug = f"s-{number}"
        told = books.events(database).count(("category.deleted", slug))
        assert deleted.count("") == told == (slug not in left), (slug, ends)
        assert set(ends) <= {"", "not-found", "conflict"}
        if other in ("fill", "below") and "" in ends[2:]:
            assert slug in left, ends


# --- Prices -------------------------------------------------------------------------------------


def at_prices(database, what, worker):
    """Do one kind of thing to HX-1, again and again; return what went wrong."""
    ends = []
    for number in range(ROUNDS):
        price = f"{1 + number}.{worker:02}"
        if what == "import":
            row = importers.load(database, f"sku,price,currency\nHX-1,{price},GBP\n")
            ends.append("" if row.rejected == 0 else "rejected")
            continue
        action = {
            "ask": lambda s, p=price: prices.change(s, ref="HX-1", price=p),
            "update": lambda s, p=price: catalog.change(
                s, ref="HX-1", fields={"price": p, "title": p}
            ),
            "approve": price_decisions.approve_others,
            "withdraw": lambda s: prices.change(
                s, ref="HX-1", price=prices.show(s, ref="HX-1").price or ""
            ),
            "delete": lambda s: catalog.remove(s, ref="HX-1"),
            "publish": lambda s: catalog.change(s, ref="HX-1", fields={"status": "active"}),
        }[what]
        ends.append(ended(database, action, actor=f"{what}-{worker}"))
    return ends


def test_whatever_is_done_to_a_price_at_once_its_history_is_whole(database, where):
    furnish(database, {"sku": "HX-1", "price": "1", "currency": "GBP"})
    books.act(database, lambda s: prices.change(s, ref="HX-1", price="2"))

    ways = ["ask", "update", "import", "approve", "withdraw", "delete", "publish"]
    answers = workers.together(where, at_prices, [(w, n) for n, w in enumerate(ways)])

    assert answers == [[""] * ROUNDS] * len(ways)
    history = books.fetch(
        database, "SELECT id, state, old_price, new_price FROM price_change ORDER BY id"
    )
    [(price,)] = books.fetch(database, "SELECT price FROM product")
    approved = [(old, new) for _, state, old, new in history if state == "approved"]
    assert [old for old, _ in approved] == [100, *[new for _, new in approved]][: len(approved)]
    assert price == (approved[-1][1] if approved else 100)
    states = Counter(state for _, state, *_ in history)
    assert states["applied"] == 0
    assert states["requested"] == (1 if history[-1][1] == "requested" else 0)
    told = Counter(kind for kind, _ in books.events(database))
    assert told["price.requested"] == len(history)
    assert told["price.approved"] == told["product.priced"] == states["approved"]
    assert told["price.superseded"] == states["superseded"]


def first_price(database, worker):
    return ended(
        database, lambda s: prices.change(s, ref="HX-1", price=f"{worker + 1}", currency="GBP")
    )


def test_of_many_first_prices_at_once_one_counts_and_one_waits(database, where):
    furnish(database, {"sku": "HX-1"})

    assert workers.together(where, first_price, [(n,) for n in range(8)]) == [""] * 8

    states = Counter(state for (state,) in books.fetch(database, "SELECT state FROM price_change"))
    assert states == {"applied": 1, "requested": 1, "superseded": 6}


def publish_or_price(database, what, rounds):
    """Publish drafts, or change their prices; return how each ended."""
    ends = []
    for number in range(rounds):
        fields = {"status": "active"} if what == "publish" else {"price": "2"}
        ends.append(
            ended(database, lambda s, n=number, f=fields: catalog.change(s, ref=f"D-{n}", fields=f))
        )
    return ends


def test_a_price_set_while_a_draft_is_published_counts_before_or_waits(database, where):
    drafts = [
        {"sku": f"D-{n}", "price": "1", "currency": "GBP", "status": "draft"} for n in range(ROUNDS)
    ]
    furnish(database, *drafts)

    ways = [("publish", ROUNDS), ("price", ROUNDS)]
    assert workers.together(where, publish_or_price, ways) == [[""] * ROUNDS] * 2

    found = books.fetch(
        database,
        "SELECT p.price, c.state FROM product AS p JOIN price_change AS c ON c.product_id = p.id",
    )
    assert len(found) == ROUNDS
    assert set(found) <= {(200, "applied"), (100, "requested")}


# --- Products -----------------------------------------------------------------------------------


def add_each(database, worker):
    return [
        ended(
            database,
            lambda s, n=n: catalog.add(
                s, fields={"sku": f"HX-{n}", "title": f"{worker}", "barcode": f"B-{n}"}
            ),
        )
        for n in range(ROUNDS)
    ]


def test_of_many_who_add_one_sku_one_does(database, where):
    answers = workers.together(where, add_each, [(n,) for n in range(6)])

    for number in range(ROUNDS):
        ends = Counter(answer[number] for answer in answers)
        assert ends == {"": 1, "conflict": 5}
    assert books.fetch(database, "SELECT count(*) FROM barcode") == [(ROUNDS,)]


def carry(database, sku, rounds):
    """Take the barcode if it is free, and lay it down again; return how often it was taken."""
    taken = 0
    for _ in range(rounds):
        if not ended(database, lambda s: catalog.change(s, ref=sku, fields={"barcode": "B-1"})):
            taken += 1
            assert not ended(database, lambda s: catalog.change(s, ref=sku, fields={"barcode": ""}))
    return taken


def test_a_barcode_that_goes_from_hand_to_hand_is_one_product_s(database, where):
    furnish(database, *({"sku": f"HX-{n}"} for n in range(4)))

    taken = workers.together(where, carry, [(f"HX-{n}", 15) for n in range(4)])

    assert sum(taken) > 4
    assert books.fetch(database, "SELECT count(*) FROM barcode") == [(0,)]


def sell_or_change(database, what, worker):
    """Sell both products, change, price or re-parent them; return what went wrong."""
    wrong = []
    for number in range(ROUNDS):
        pair = ("HX-1", "HX-2") if number % 2 else ("HX-2", "HX-1")
        try:
            if what == "sell":
                books.reserve(database, f"SO-{worker}-{number}", f"{pair[0]}=1 {pair[1]}=1")
                books.commit(database, f"SO-{worker}-{number}")
            elif what == "import":
                importers.load(database, f"sku,title\n{pair[0]},{number}\n{pair[1]},{worker}\n")
            else:
                fields = {"title": f"{worker} {number}"} if what == "change" else {"price": "2"}
                for sku in pair:
                    books.act(
                        database, lambda s, r=sku, f=fields: catalog.change(s, ref=r, fields=f)
                    )
        except InventoryError as error:
            wrong.append(f"{error.code}: {error}")
    return wrong


def test_sales_count_whoever_changes_the_products_meanwhile(database, where):
    books.add_warehouses(database, "MAIN")
    furnish(database, {"sku": "HX-1", "price": "1"}, {"sku": "HX-2", "price": "1"})
    for sku in ("HX-1", "HX-2"):
        books.receive(database, sku, 100, "MAIN")

    ways = ["sell", "sell", "import", "change", "price"]
    answers = workers.together(where, sell_or_change, [(w, n) for n, w in enumerate(ways)])

    assert answers == [[]] * len(ways)
    assert books.fetch(database, "SELECT popularity FROM product") == [(2 * ROUNDS,)] * 2


def at_products(database, what, worker):
    """Take out, receive, vary or price each of the products in turn; return how each ended."""
    ends = []
    for number in range(ROUNDS):
        sku = f"HX-{number}"
        if what == "receive":
            try:
                books.receive(database, sku, 1, "MAIN")
                ends.append("")
            except InventoryError as error:
                ends.append(error.code)
            continue
        action = {
            "remove": lambda s, r=sku: catalog.remove(s, ref=r),
            "vary": lambda s, r=sku: catalog.add(
                s, fields={"sku": f"{r}-{worker}", "title": r, "variant_of": r}
            ),
            "price": lambda s, r=sku: prices.change(s, ref=r, price="2", currency="GBP"),
        }[what]
        ends.append(ended(database, action))
    return ends


@pytest.mark.parametrize("other", ["receive", "vary", "price", "remove"])
def test_a_product_that_is_used_at_the_moment_of_its_deletion_stays(database, where, other):
    books.add_warehouses(database, "MAIN")
    furnish(database, *({"sku": f"HX-{n}"} for n in range(ROUNDS)))

    ways = [("remove", 0), ("remove", 1), (other, 2), (other, 3)]
    answers = workers.together(where, at_products, ways)

    left = {row.sku for row in books.ask(database, catalog.products)[0]}
    for number in range(ROUNDS):
        sku = f"HX-{number}"
        ends = [answer[number] for answer in answers]
        assert set(ends) <= {"", "not-found", "conflict"}, ends
        assert books.events(database).count(("product.deleted", sku)) == (sku not in left)
        if other != "remove" and "" in ends[2:]:
            assert sku in left, ends
