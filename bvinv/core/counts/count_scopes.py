"""What a count is about: a warehouse, its bins from here to there, a class, or some products."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from bvinv.core import classes, items, text, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput
from bvinv.core.items import Item
from bvinv.core.levels import Site

MOST_PRODUCTS = 1000
_NO_END = 2**62

_SOLD = Sql("SELECT popularity, count(*) AS products FROM product GROUP BY popularity")
_POPULARITY = Sql("SELECT popularity FROM product WHERE id = :product")


class Scope(NamedTuple):
    """What is counted. All of a warehouse where nothing is said.

    A class is kept as the pieces that its products had sold when the count began: what sells
    meanwhile moves a product across the edge at most, and needs no list of 100,000 products.
    """

    bins: tuple[str, str] | None = None
    products: dict[str, int] | None = None  # id by SKU
    name: str = ""
    sold: tuple[int | None, int | None] = (None, None)

    def written(self) -> str:
        """Return the scope as it is stored."""
        said = {name: value for name, value in self._asdict().items() if value}
        if not self.name:
            said.pop("sold", None)
        return json.dumps(said, ensure_ascii=False, separators=(",", ":"))

    def said(self) -> str:
        """Return the scope as people read it."""
        if self.bins:
            first, last = self.bins
            return f"bin {first}" if first == last else f"bins {first}..{last}"
        if self.products:
            named = [*self.products]
            more = f" and {len(named) - 5} more" if len(named) > 5 else ""
            return f"{', '.join(named[:5])}{more}"
        return f"class {self.name}" if self.name else "everything"

    def condition(self) -> tuple[str, dict[str, Any]]:
        """Return the SQL that holds for bin `b` and product `p` in the scope, and its values."""
        if self.bins:
            first, last = self.bins
            return "b.code BETWEEN :first AND :last", {"first": first, "last": last}
        if self.products:
            return "p.id IN :products", {"products": sorted(self.products.values())}
        if self.name:
            least, most = self.sold
            span = {"least": least, "most": most}
            ends = {"least": -_NO_END, "most": _NO_END}
            span = {end: ends[end] if value is None else value for end, value in span.items()}
            return "p.popularity BETWEEN :least AND :most", span
        return "1 = 1", {}


def stored(written: str) -> Scope:
    """Return the scope that was stored."""
    said = json.loads(written)
    for name in ("bins", "sold"):
        if name in said:
            said[name] = tuple(said[name])
    return Scope(**said)


def asked(
    session: Session,
    site: Site,
    *,
    bins: str | None = None,
    class_: str | None = None,
    refs: Sequence[str] = (),
) -> Scope:
    """Return the scope that somebody asks for: one of bins (`A-01` or `A-01..A-20`, by code, both
    included), a class, and products, or nothing. Raises InvalidInput, NotFound."""
    if sum(map(bool, (bins is not None, class_ is not None, refs))) > 1:
        raise InvalidInput(
            "a count is about bins, a class, or products",
            hint="open two counts: they may go on at once",
        )
    if bins is not None:
        return Scope(bins=_span(session, site, bins))
    if class_ is not None:
        return _class(session, class_)
    if refs:
        if len(refs) > MOST_PRODUCTS:
            raise InvalidInput(f"a count names {MOST_PRODUCTS} products at most, not {len(refs)}")
        found = items.named(session, refs).values()
        return Scope(products={item.sku: item.id for item in found})
    return Scope()


def refuse_outside(
    session: Session, scope: Scope, *, count: str, site: Site, item: Item, bin: str
) -> None:
    """Raise InvalidInput if the product or the bin is not what this count is about."""
    if scope.bins and not scope.bins[0] <= bin <= scope.bins[1]:
        what, option = f"bin {bin}", f"--bin {bin}"
    elif scope.products and item.id not in scope.products.values():
        what, option = item.sku, item.sku
    elif scope.name and not _is_of_class(session, scope, item):
        what, option = f"{item.sku} (not of class {scope.name})", item.sku
    else:
        return
    raise InvalidInput(
        f"{what} is not in {count}, which counts {scope.said()}",
        hint=f"for a count of its own: bvinv stock count open --warehouse {site.code} {option}",
        count=count,
        sku=item.sku,
        bin=bin,
    )


def _span(session: Session, site: Site, bins: str) -> tuple[str, str]:
    """Return the first and the last bin that `A-01..A-20` means. Neither has to be there, as long
    as one between them is; a single one has to."""
    first, dots, last = bins.partition("..")
    if not dots:
        code = warehouses.place(session, site, first).code
        return code, code
    span = warehouses.bin_code(first), warehouses.bin_code(last)
    if span[0] > span[1]:
        raise InvalidInput(
            f"{span[0]} comes after {span[1]}",
            hint="bins are in the order of their letters and digits: A-10 comes before A-2",
        )
    if not any(span[0] <= code <= span[1] for code in warehouses.bins(session, site)):
        raise InvalidInput(
            f"{site.code} has no bin from {span[0]} to {span[1]}",
            hint=f"see: bvinv warehouse bins {site.code}",
        )
    return span


def _class(session: Session, class_: str) -> Scope:
    name = class_.strip().upper()
    if name not in classes.CLASSES:
        raise InvalidInput(f"the class is A, B or C, not {text.quoted(class_)}")
    values = {row.popularity: row.products for row in session.ask(_SOLD)}
    cuts = classes.cuts(values)
    if not any(cuts.class_of(value) == name for value in values):
        raise InvalidInput(
            f"no product is of class {name}", hint="the classes are by pieces sold so far"
        )
    return Scope(name=name, sold=cuts.span(name))


def _is_of_class(session: Session, scope: Scope, item: Item) -> bool:
    [row] = session.ask(_POPULARITY, product=item.id)
    least, most = scope.sold
    return (least is None or row.popularity >= least) and (most is None or row.popularity <= most)
