"""Families: a product stands for its variants, so that it is in stock where one of them is."""

from collections.abc import Iterable

from bvinv.core import product_rows
from bvinv.core.db import Session, Sql

_BELOW = Sql("""
    WITH RECURSIVE below(top, id) AS (
        SELECT variant_of, id FROM product WHERE variant_of IN :ids
         UNION
        SELECT b.top, p.id FROM below AS b JOIN product AS p ON p.variant_of = b.id)
    SELECT top, id FROM below
""")
_ABOVE = Sql("""
    WITH RECURSIVE above(id) AS (
        SELECT variant_of FROM product WHERE id IN :ids
         UNION
        SELECT p.variant_of FROM above AS a JOIN product AS p ON p.id = a.id)
    SELECT id FROM above WHERE id IS NOT NULL
""")


def available(session: Session, ids: Iterable[int]) -> dict[int, int]:
    """Return the pieces of each product that can be promised now, with those of all its variants.

    It is what `products show` says; products without any level are left out.
    """
    wanted = list(ids)
    below = session.ask(_BELOW, ids=wanted)
    pieces = product_rows.available(session, {*wanted, *(row.id for row in below)})
    found = {number: pieces[number] for number in wanted if number in pieces}
    for top, number in below:
        if number in pieces:
            found[top] = found.get(top, 0) + pieces[number]
    return found


def above(session: Session, ids: Iterable[int]) -> set[int]:
    """Return the products that these are variants of, directly or not."""
    return {row.id for row in session.ask(_ABOVE, ids=list(ids))}
