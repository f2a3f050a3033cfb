"""The saved mappings of columns to fields."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.commands.products.group import mapping_app
from bvinv.core.models.import_ import MappingRow
from bvinv.door import Call


@door.shows(mapping_app, "list")
def list_mappings(call: Call) -> None:
    """List the mappings that `products import --save-mapping` has kept.

    Example: bvinv products mapping list
    """
    from bvinv.core.imports import mappings

    call.page(call.read(mappings.mappings), MappingRow)


@door.changes(mapping_app, "delete")
def delete_mapping(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.", show_default=False)],
) -> None:
    """Forget a saved mapping.

    Example: bvinv products mapping delete goodreads
    """
    from bvinv.core.imports import mappings

    call.run(lambda session: mappings.remove(session, name=name))
