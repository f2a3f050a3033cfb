"""The groups that the commands of the catalogue belong to."""

import typer


def _group(said: str) -> typer.Typer:
    return typer.Typer(help=said, no_args_is_help=True, rich_markup_mode=None, add_completion=False)


app = _group("The catalogue: add, show, list, update, delete, import, export.")
category_app = _group("The categories of the catalogue.")
image_app = _group("The images of products: their URLs, checked.")
app.add_typer(category_app, name="category")
app.add_typer(image_app, name="image")
mapping_app = _group("The saved mappings of columns for imports.")
app.add_typer(mapping_app, name="mapping")
