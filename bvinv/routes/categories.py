"""Categories: the tree that products are in."""

from typing import Annotated

from fastapi import Path, Response
from pydantic import Field

from bvinv.core import categories, expiries
from bvinv.core.models.product import CategoryDetails, CategoryRow
from bvinv.web import answers, door
from bvinv.web.bodies import Body
from bvinv.web.door import Changing, Reading
from bvinv.web.paths import Router

router = Router("categories")
Slug = Annotated[
    str,
    Path(min_length=1, max_length=100, examples=["poetry"], description="A category, by slug."),
]
Name = Annotated[str, Field(min_length=1, max_length=100, examples=["Poetry"])]


class NewCategory(Body):
    """A category that is to be added; without a name it is called like its slug."""

    slug: Annotated[str, Field(min_length=1, max_length=100, examples=["poetry"])]
    name: Name | None = None
    parent: Annotated[str | None, Field(min_length=1, max_length=100)] = None


class CategoryChange(Body):
    """What people shall call a category; its slug stays."""

    name: Name


class NewPlace(Body):
    """Where a category shall be: below another one, or with null at the top."""

    parent: Annotated[str | None, Field(min_length=1, max_length=100)]


@router.get("/categories", **door.reads("products category list", list[CategoryRow]))
async def list_(call: Reading) -> Response:
    """List the categories as a tree, each right before those below it, and the products in each."""
    rows = await call.consult(lambda session, _: categories.categories(session))
    return call.page(rows, None, until=expiries.NEVER, kept=answers.CATALOGUE)


@router.get("/categories/{slug}", **door.reads("products category show", CategoryDetails))
async def show(call: Reading, slug: Slug) -> Response:
    """Show a category, the way to it, and what is right below it."""
    row = await call.consult(lambda session, _: categories.show(session, slug=slug))
    return call.answer(row.record(), until=expiries.NEVER, kept=answers.CATALOGUE)


@router.post("/categories", **door.changes("products category add", CategoryRow, status=201))
async def add(call: Changing, body: NewCategory) -> Response:
    """Add a category."""
    return await call.run(
        lambda session: categories.add(session, slug=body.slug, name=body.name, parent=body.parent),
        body.said(),
        status=201,
    )


@router.patch("/categories/{slug}", **door.changes("products category rename", CategoryRow))
async def rename(call: Changing, slug: Slug, body: CategoryChange) -> Response:
    """Change the name of a category."""
    return await call.run(
        lambda session: categories.rename(session, slug=slug, name=body.name),
        body.said() | {"slug": slug},
    )


@router.post("/categories/{slug}/move", **door.changes("products category move", CategoryRow))
async def move(call: Changing, slug: Slug, body: NewPlace) -> Response:
    """Put a category, with all below it, elsewhere in the tree."""
    return await call.run(
        lambda session: categories.move(session, slug=slug, parent=body.parent),
        body.said() | {"slug": slug},
    )


@router.delete("/categories/{slug}", **door.changes("products category delete", CategoryRow))
async def delete(call: Changing, slug: Slug) -> Response:
    """Delete a category that nothing is in."""
    return await call.run(lambda session: categories.delete(session, slug=slug), {"slug": slug})
