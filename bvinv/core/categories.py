"""Categories: the shelves of the catalogue, a tree."""

from typing import Any, NamedTuple

from bvinv.core import command_log, product_fields, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, NotFound
from bvinv.core.models.product import CategoryDetails, CategoryRow
from bvinv.core.replenishment import traces

DEEPEST = 32  # categories above one another

_BY_SLUG = Sql("SELECT id, slug FROM category WHERE slug = :slug")
_LOCK = Sql("SELECT id, name FROM category WHERE id = :id", lock="FOR UPDATE")
_ADD = Sql.insert("category", "slug", "name", "parent_id")
_MOVE = Sql("UPDATE category SET parent_id = :parent WHERE id = :id")
_RENAME = Sql("UPDATE category SET name = :name WHERE id = :id")
_DELETE = Sql("DELETE FROM category WHERE id = :id")
# The order keeps two moves from waiting for each other; products may be added meanwhile.
_LOCK_ALL = Sql("SELECT id FROM category ORDER BY id", lock="FOR NO KEY UPDATE")
# A category with everything above it, the top first.
_PATH = Sql("""
    WITH RECURSIVE above(id, parent_id, slug, distance) AS (
        SELECT id, parent_id, slug, 0 FROM category WHERE id = :category
         UNION ALL
        SELECT c.id, c.parent_id, c.slug, a.distance + 1
          FROM category AS c JOIN above AS a ON c.id = a.parent_id)
    SELECT id, slug FROM above ORDER BY distance DESC
""")
# The ids of a category and of everything below it; part of other statements.
WITH_THOSE_BELOW = """
    WITH RECURSIVE below(id) AS (
        SELECT id FROM category WHERE id = :category
         UNION
        SELECT c.id FROM category AS c JOIN below AS b ON c.parent_id = b.id)
    SELECT id FROM below
"""
# Parents right before their children: a space sorts before everything that a slug may have in it.
_TREE = """
    WITH RECURSIVE tree(id, parent_id, slug, name, depth, path) AS (
        SELECT id, parent_id, slug, name, 0, slug FROM category WHERE {top}
         UNION ALL
        SELECT c.id, c.parent_id, c.slug, c.name, t.depth + 1, t.path || ' ' || c.slug
          FROM category AS c JOIN tree AS t ON c.parent_id = t.id)
    SELECT t.id, t.parent_id, t.slug, t.name, t.depth
         , (SELECT count(*) FROM product AS p WHERE p.category_id = t.id) AS products
      FROM tree AS t ORDER BY t.path
"""
_WHOLE_TREE = Sql(_TREE.format(top="parent_id IS NULL"))
_SUBTREE = Sql(_TREE.format(top="id = :category"))


class Shelf(NamedTuple):
    """A category's id and slug."""

    id: int
    slug: str


def known(session: Session, name: str) -> Shelf:
    """Return a category by slug or name. Raises NotFound."""
    wanted = product_fields.slug(name)
    found = session.ask(_BY_SLUG, slug=wanted)
    if not found:
        raise NotFound(
            f"there is no category {wanted}",
            hint=f"run: bvinv products category add {wanted}",
            category=wanted,
        )
    return Shelf(*found[0])


def categories(session: Session) -> list[CategoryRow]:
    """Return the whole tree, each category right before those below it."""
    return _counted(session.ask(_WHOLE_TREE), above=[])


def show(session: Session, *, slug: str) -> CategoryDetails:
    """Return a category with the way to it and what is right below it. Raises NotFound."""
    rows, path = _with_path(session, known(session, slug).id)
    own, *below = rows
    children = [row for row in below if row.parent == own.slug]
    return CategoryDetails(**dict(own), path=[one.slug for one in path], children=children)


def add(
    session: Session, *, slug: str, name: str | None = None, parent: str | None = None
) -> CategoryRow:
    """Add a category. Raises Conflict when the slug is taken, NotFound for the parent."""
    wanted = product_fields.slug(slug)
    shown = _name(name or slug)
    above = known(session, parent) if parent else None
    if session.ask(_BY_SLUG, slug=wanted):
        raise Conflict(f"there is a category {wanted} already", category=wanted)
    parent_id = above.id if above else None
    session.send(_ADD, [{"slug": wanted, "name": shown, "parent_id": parent_id}])
    told = {"name": shown} | ({"parent": above.slug} if above else {})
    return _done(session, "category.created", known(session, wanted), told)


def move(session: Session, *, slug: str, parent: str | None) -> CategoryRow:
    """Put a category, with all below it, below another one, or at the top.

    Raises Conflict when it would be below itself, NotFound.
    """
    # Two moves at once could make a circle that neither of them sees.
    session.ask(_LOCK_ALL)
    shelf = known(session, slug)
    above = known(session, parent) if parent is not None else None
    *_, present = [None, *session.ask(_PATH, category=shelf.id)[:-1]]
    if (present.id if present else None) == (above.id if above else None):
        return _one(session, shelf)
    if above and shelf.id in [one.id for one in session.ask(_PATH, category=above.id)]:
        where = "itself" if above == shelf else f"{above.slug}, which is below {shelf.slug}"
        raise Conflict(f"{shelf.slug} cannot be below {where}", category=shelf.slug)
    session.send(_MOVE, [{"id": shelf.id, "parent": above.id if above else None}])
    told = {
        "parent": above.slug if above else None,
        "old_parent": present.slug if present else None,
    }
    return _done(session, "category.moved", shelf, told)


def rename(session: Session, *, slug: str, name: str) -> CategoryRow:
    """Change what people call a category; its slug stays. Raises NotFound."""
    shelf, old_name = _locked(session, slug)
    shown = _name(name)
    if old_name == shown:
        return _one(session, shelf)
    session.send(_RENAME, [{"id": shelf.id, "name": shown}])
    return _done(session, "category.renamed", shelf, {"name": shown, "old_name": old_name})


def delete(session: Session, *, slug: str) -> CategoryRow:
    """Delete a category and return what it was; its service level goes with it.

    Raises Conflict while anything is in it, or the calendar says something of it.
    """
    shelf, _ = _locked(session, slug)
    row = show(session, slug=shelf.slug)
    found = [_several(row.products, "product", "products")] if row.products else []
    if row.children:
        found.append(_several(len(row.children), "category below it", "categories below it"))
    if found:
        hint = f"see: bvinv products list --category {shelf.slug}"
        if row.children:
            hint = f"for example: bvinv products category move {row.children[0].slug} --top"
        raise Conflict(
            f"{shelf.slug} still has {' and '.join(found)}",
            hint=hint,
            products=row.products,
            categories=len(row.children),
        )
    traces.forget_category(session, shelf.id, shelf.slug)
    session.send(_DELETE, [{"id": shelf.id}])
    command_log.tell(session, [Tale("category.deleted", shelf.slug, {}, session.command)])
    return CategoryRow(**row.model_dump(include=set(CategoryRow.model_fields)))


def _locked(session: Session, name: str) -> tuple[Shelf, str]:
    """Return a category, locked, and what people call it. Raises NotFound, also for one that
    somebody else has just deleted."""
    shelf = known(session, name)
    found = session.ask(_LOCK, id=shelf.id)
    if not found:
        raise NotFound(f"there is no category {shelf.slug} any more", category=shelf.slug)
    return shelf, found[0].name


def _done(session: Session, event: str, shelf: Shelf, told: dict[str, Any]) -> CategoryRow:
    """Tell of a change and return the category as it is now. Raises Conflict if too deep."""
    rows, _ = _with_path(session, shelf.id)
    if max(row.depth for row in rows) >= DEEPEST:
        raise Conflict(f"categories cannot be more than {DEEPEST} deep", category=shelf.slug)
    command_log.tell(session, [Tale(event, shelf.slug, told, session.command)])
    return rows[0]


def _one(session: Session, shelf: Shelf) -> CategoryRow:
    return _with_path(session, shelf.id)[0][0]


def _with_path(session: Session, number: int) -> tuple[list[CategoryRow], list[Any]]:
    """Return a category and all below it, and the way to it from the top, itself included."""
    path = session.ask(_PATH, category=number)
    return _counted(session.ask(_SUBTREE, category=number), above=path[:-1]), path


def _counted(found: list[Any], *, above: list[Any]) -> list[CategoryRow]:
    """Return these rows of a tree with the totals of their subtrees."""
    totals = {row.id: row.products for row in found}
    for row in reversed(found):  # children before their parents
        if row.parent_id in totals:
            totals[row.parent_id] += totals[row.id]
    slugs = {row.id: row.slug for row in [*above, *found]}
    return [
        CategoryRow(
            slug=row.slug,
            name=row.name,
            parent=slugs.get(row.parent_id),
            products=row.products,
            total=totals[row.id],
            depth=row.depth + len(above),
        )
        for row in found
    ]


def _name(value: str) -> str:
    return text.line(value, what="name", maximum=100)


def _several(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
