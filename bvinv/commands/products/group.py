"""The groups that the commands of the catalogue belong to, and what several of them say."""

from bvinv import door, output
from bvinv.core.command_log import Answer
from bvinv.door import Call

app = door.group("The catalogue: products, prices, categories, import, export.")
category_app = door.group("The categories of the catalogue.")
image_app = door.group("The images of products: their URLs, checked.")
app.add_typer(category_app, name="category")
app.add_typer(image_app, name="image")
mapping_app = door.group("The saved mappings of columns for imports.")
app.add_typer(mapping_app, name="mapping")


def tell_request(call: Call, answer: Answer) -> None:
    """Say on stderr that a price which was asked for does not count yet."""
    waiting = answer.result["price_request"] if isinstance(answer.result, dict) else None
    if waiting and not call.dry_run and not answer.replayed:
        output.note(
            f"price request {waiting['id']} waits for somebody else's decision: "
            f"bvinv products approve {waiting['id']}"
        )
