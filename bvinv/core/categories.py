"""Categories: the shelves of the catalogue."""

from typing import NamedTuple

from sqlalchemy import func, insert, select

from bvinv.core import command_log, product_fields, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session
from bvinv.core.errors import Conflict, NotFound
from bvinv.core.models.product import CategoryRow
from bvinv.core.models.tables import Category, Product, table

CATEGORY = table(Category)
PRODUCT = table(Product)
PARENT = CATEGORY.alias("parent_category")


class Shelf(NamedTuple):
    """A category's id and slug."""

    id: int
    slug: str


def known(session: Session, name: str) -> Shelf:
    """Return a category by slug or name. Raises NotFound."""
    wanted = product_fields.slug(name)
    found = session.wire.execute(
        select(CATEGORY.c.id, CATEGORY.c.slug).where(CATEGORY.c.slug == wanted)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound(
            f"there is no category {wanted}",
            hint=f"run: bvinv products category add {wanted}",
            category=wanted,
        )
    return Shelf(*row)


def add(
    session: Session, *, slug: str, name: str | None = None, parent: str | None = None
) -> CategoryRow:
    """Add a category. Raises Conflict when the slug is taken, NotFound for the parent."""
    wanted = product_fields.slug(slug)
    shown = text.line(name or slug, what="name", maximum=100)
    above = known(session, parent) if parent else None
    connection = session.wire
    taken = connection.execute(select(CATEGORY.c.id).where(CATEGORY.c.slug == wanted)).first()
    if taken:
        raise Conflict(f"there is a category {wanted} already", category=wanted)
    connection.execute(
        insert(CATEGORY),
        {"slug": wanted, "name": shown, "parent_id": above.id if above else None},
    )
    command_log.tell(session, [Tale("category.created", wanted, {"name": shown}, session.command)])
    return CategoryRow(slug=wanted, name=shown, parent=above.slug if above else None, products=0)


def categories(session: Session) -> list[CategoryRow]:
    """Return every category by slug, with the number of its own products."""
    found = session.wire.execute(
        select(
            CATEGORY.c.slug,
            CATEGORY.c.name,
            PARENT.c.slug.label("parent"),
            func.count(PRODUCT.c.id).label("products"),
        )
        .join_from(CATEGORY, PARENT, PARENT.c.id == CATEGORY.c.parent_id, isouter=True)
        .join(PRODUCT, PRODUCT.c.category_id == CATEGORY.c.id, isouter=True)
        .group_by(CATEGORY.c.slug, CATEGORY.c.name, PARENT.c.slug)
        .order_by(CATEGORY.c.slug)
    )
    return [CategoryRow.model_validate(dict(row)) for row in found.mappings()]
