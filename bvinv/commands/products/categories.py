"""The categories of the catalogue."""

from typing import Annotated

import typer

from bvinv import door, output
from bvinv.commands.products.group import category_app
from bvinv.core.errors import InvalidInput
from bvinv.core.models.product import CategoryDetails, CategoryRow
from bvinv.door import Call

Slug = Annotated[
    str, typer.Argument(metavar="SLUG", help="The category, by slug or name.", show_default=False)
]
Parent = Annotated[str | None, typer.Option("--parent", metavar="SLUG", help="The category above.")]


@door.changes(category_app, "add")
def add_category(
    call: Call,
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="Its code.", show_default=False)],
    name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    parent: Parent = None,
) -> None:
    """Add a category.

    Example: bvinv products category add haiku --name Haiku --parent poetry
    """
    from bvinv.core import categories

    call.run(lambda session: categories.add(session, slug=slug, name=name, parent=parent))


@door.shows(category_app, "list")
def list_categories(call: Call) -> None:
    """List the categories as a tree, and the products in each.

    Example: bvinv products category list
    """
    from bvinv.core import categories

    call.page(call.look_up(categories.categories), CategoryRow)


@door.shows(category_app, "show")
def show_category(call: Call, slug: Slug) -> None:
    """Show a category, the way to it, and what is below it.

    Example: bvinv products category show poetry
    """
    from bvinv.core import categories

    row = call.look_up(lambda session: categories.show(session, slug=slug))
    call.show(row, list(CategoryDetails.model_fields))


@door.changes(category_app, "move")
def move_category(
    call: Call,
    slug: Slug,
    parent: Parent = None,
    top: Annotated[bool, typer.Option("--top", help="Below no other category.")] = False,
) -> None:
    """Put a category, with all below it, elsewhere in the tree.

    Example: bvinv products category move haiku --parent poetry
    """
    from bvinv.core import categories

    if (parent is None) == (not top):
        raise InvalidInput("say where to", hint="either --parent SLUG or --top")
    call.run(lambda session: categories.move(session, slug=slug, parent=parent))


@door.changes(category_app, "rename")
def rename_category(
    call: Call,
    slug: Slug,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
) -> None:
    """Change the name of a category. Its slug stays: products, files and other systems know it.

    Example: bvinv products category rename sci-fi "Science Fiction"
    """
    from bvinv.core import categories

    call.run(lambda session: categories.rename(session, slug=slug, name=name))


@door.changes(category_app, "delete")
def delete_category(call: Call, slug: Slug) -> None:
    """Delete a category that nothing is in.

    Example: bvinv products category delete haiku
    """
    from bvinv.core import categories

    answer = call.run(lambda session: categories.delete(session, slug=slug))
    if not answer.replayed and not call.dry_run:
        output.note("deleted")
