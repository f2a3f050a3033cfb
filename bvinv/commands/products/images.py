"""The images of products."""

from typing import Annotated, Any

import typer

from bvinv import door, output, scheduling
from bvinv.commands.products.group import image_app
from bvinv.core import jobs
from bvinv.core.errors import InvalidInput, Partial
from bvinv.core.models.product import ImageRow
from bvinv.door import Call


@scheduling.changes(image_app, jobs.IMAGES, "check", only="all_")
def check(
    call: Call,
    refs: Annotated[
        list[str] | None,
        typer.Argument(metavar="REF", help="Products.", show_default=False),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every product that has an image.")] = False,
    fetch: Annotated[bool, typer.Option("--fetch", help="Fetch the images, too.")] = False,
) -> None:
    """Check the image URLs of products, and keep what was found.

    A URL has to be https, on a public host and on one of $BVINV_IMAGE_HOSTS if any are named
    (img.example.com, or .example.com for all hosts below it). --fetch sees whether an image is
    there: 5 seconds and 10 MB at most, no redirects, public addresses only. Exit code 7 when one
    of them is refused or failed.

    Example: bvinv products image check HX-1 --fetch
    """
    from bvinv.core import images

    if bool(refs) == all_:
        raise InvalidInput("say which products", hint="either REF… or --all")
    if fetch:
        from bvinv.core import image_fetch
    with output.progress("images") as advance:
        answer = images.check(
            call.database,
            call.command(),
            refs=refs or (),
            allowed=door.settings().image_hosts,
            fetch=image_fetch.fetch if fetch else None,
            dry_run=call.dry_run,
            on_progress=advance,
        )
    call.answer(answer, ImageRow.columns if call.is_for_people else list(ImageRow.model_fields))
    if isinstance(answer.result, list) and not answer.replayed:
        _complain(answer.result)


def _complain(rows: list[dict[str, Any]]) -> None:
    """Raise Partial if an image is refused or failed."""
    wrong = [row for row in rows if row["state"] in ("refused", "failed")]
    if wrong:
        raise Partial(
            f"{len(wrong)} of {len(rows)} images are refused or failed",
            errors=[
                {"sku": row["sku"], "detail": f"{row['sku']}: {row['detail']}"}
                for row in wrong[:20]
            ],
        )
