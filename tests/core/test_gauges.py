"""How things stand, as a watcher is told."""

from functools import partial
from pathlib import Path

from bvinv.core import catalog, dates, gauges, product_rows
from bvinv.core.gauges import GaugesRow, ProductsGauge
from tests import books, lots_books


def standing(database) -> GaugesRow:
    return books.ask(database, lambda session: gauges.read(session, path=database.path))


def in_stock(database) -> tuple[int, int]:
    [found] = standing(database).products
    return found.in_stock, found.out_of_stock


def test_an_empty_database_has_nothing(database):
    found = standing(database)
    assert found.model_dump(exclude={"wal_bytes", "events", "movements"}) == {
        "products": [],
        "reservations": {"held": 0, "committed": 0, "released": 0, "expired": 0},
        "backorder_lines": 0,
        "backorder_pieces": 0,
    }


def test_products_are_in_stock_while_a_piece_can_be_promised(stocked, clock):
    assert in_stock(stocked) == (2, 1)
    books.reserve(stocked, "SO-1", "HX-1=10", ttl=books.MINUTE)
    assert in_stock(stocked) == (1, 2)
    books.reserve(stocked, "SO-2", "HX-2=12", backorder=True, ttl=books.HOUR)
    assert in_stock(stocked) == (0, 3)
    found = standing(stocked)
    assert (found.backorder_lines, found.backorder_pieces) == (1, 2)
    assert found.reservations == {"held": 2, "committed": 0, "released": 0, "expired": 0}
    clock.advance(2 * books.MINUTE)  # and no sweep
    assert in_stock(stocked) == (1, 2)
    assert standing(stocked).reservations["expired"] == 1
    books.commit(stocked, "SO-2", "HX-2=10", close=True)
    assert in_stock(stocked) == (1, 2)
    found = standing(stocked)
    assert found.reservations == {"held": 0, "committed": 1, "released": 0, "expired": 1}
    assert (found.backorder_lines, found.backorder_pieces) == (0, 0)


def test_a_lot_that_has_expired_is_no_stock(stocked, clock):
    lots_books.track_lots(stocked, "HX-3")
    tomorrow = dates.of(clock() + lots_books.DAY)
    lots_books.find_lot(stocked, "HX-3", 5, "L-1", tomorrow, bin="SHELF")
    assert in_stock(stocked) == (3, 0)
    clock.advance(3 * lots_books.DAY)
    assert in_stock(stocked) == (2, 1)


def test_they_agree_with_what_is_said_of_each_product(stocked, clock):
    books.reserve(stocked, "SO-1", "HX-1=4 HX-2=3", ttl=books.MINUTE)
    books.reserve(stocked, "SO-2", "HX-3=2", backorder=True, ttl=books.MINUTE)
    for _ in range(2):
        ids = [row[0] for row in books.fetch(stocked, "SELECT id FROM product")]
        said = books.ask(stocked, partial(product_rows.available, ids=ids))
        assert in_stock(stocked)[0] == sum(pieces > 0 for pieces in said.values())
        clock.advance(books.HOUR)


def test_a_product_that_only_groups_variants_is_not_out_of_stock(stocked):
    def action(session):
        catalog.add(session, fields={"sku": "SHIRT", "title": "Shirt"})
        fields = {"sku": "SHIRT-L", "title": "Shirt L", "variant_of": "SHIRT"}
        fields["options"] = "size=L"
        return [catalog.add(session, fields=fields)]

    books.act(stocked, action)
    assert in_stock(stocked) == (2, 2)
    assert standing(stocked).products == [
        ProductsGauge(status="active", in_stock=2, out_of_stock=2)
    ]


def test_events_movements_and_the_log_are_counted(stocked):
    before = standing(stocked)
    books.receive(stocked, "HX-1", 1, "MAIN")
    after = standing(stocked)
    assert after.movements > before.movements > 0
    assert after.events > before.events > 0
    if stocked.path:
        assert after.wal_bytes == Path(f"{stocked.path}-wal").stat().st_size > 0
        assert gauges._size(stocked.path.with_name("none")) == 0
    else:
        assert after.wal_bytes is None
