"""What is said of a product: JSON with its own types, told to core as the texts that it parses."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from bvinv.core import product_fields
from bvinv.core.models.product import packed
from bvinv.web.bodies import Body

Title = Annotated[str, Field(min_length=1, max_length=1000, examples=["Hex"])]
Scalar = str | int | float | bool | None
Pairs = Annotated[dict[str, Scalar], Field(max_length=100)]
Price = Annotated[
    str,
    Field(
        max_length=40,
        examples=["12.99"],
        description="A decimal string: money is never a float.",
    ),
]
Currency = Annotated[str, Field(max_length=10, examples=["GBP"], description="ISO 4217.")]


def _is_one(code: str) -> str:
    """Refuse what the parser of barcodes would take for several."""
    if code.split() != [code] or {*";=,"} & {*code}:
        raise ValueError("a barcode has no spaces, and none of ; = ,")
    return code


class Barcode(Body):
    """A code, and the pieces that it stands for."""

    code: Annotated[
        str,
        Field(min_length=1, max_length=64, examples=["5012345678900"]),
        AfterValidator(_is_one),
    ]
    pack_quantity: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class Fields(Body):
    """The fields of a product; null or an empty text is nothing."""

    isbn: Annotated[str | None, Field(max_length=100, description="ISBN-10 or ISBN-13.")] = None
    author: Annotated[str | None, Field(max_length=1000)] = None
    description: Annotated[str | None, Field(max_length=100_000, description="Markdown.")] = None
    category: Annotated[str | None, Field(max_length=100, examples=["poetry"])] = None
    price: Price | None = None
    currency: Currency | None = None
    status: Literal["draft", "active", "discontinued"] | None = None
    publication_date: Annotated[
        str | None,
        Field(max_length=20, examples=["1997-06-26"], description="1997, 1997-06 or a day."),
    ] = None
    rating: Annotated[
        float | None, Field(ge=0, le=5, examples=[4.25], description="Two decimals at most.")
    ] = None
    image_url: Annotated[
        str | None, Field(max_length=2000, examples=["https://img.example.org/hex.jpg"])
    ] = None
    attributes: Pairs | None = None
    variant_of: Annotated[str | None, Field(max_length=100)] = None
    options: Pairs | None = None
    barcodes: Annotated[list[Barcode] | None, Field(max_length=1000)] = None
    tracks_lots: bool | None = None
    protects_safety_stock: bool | None = None

    def fields(self) -> dict[str, str]:
        """Return what was said, and nothing else, as core's parsers read it."""
        said = {name: getattr(self, name) for name in self.model_fields_set}
        if "barcodes" in said:
            said["barcode"] = said.pop("barcodes")
        return {name: _text(name, value) for name, value in said.items()}

    def said(self) -> dict[str, Any]:
        """Return what was said: to say null and to say nothing are two things."""
        return self.model_dump(mode="json", exclude_unset=True)


class NewProduct(Fields):
    """A product that is to be added."""

    sku: Annotated[str, Field(min_length=1, max_length=64, examples=["HX-1"])]
    title: Title


class WholeProduct(Fields):
    """All that is to be said of a product: what is left out has its default, or nothing."""

    title: Title


class ProductChange(Fields):
    """What is to change; null takes a value away. Attributes and options that are not named stay,
    barcodes are replaced."""

    title: Title = ""  # where it is not said


class NewPrice(Body):
    """The price that a product shall have; null is none."""

    price: Price | None
    currency: Currency | None = None


def _text(name: str, value: Any) -> str:
    if name in product_fields.FLAGS:
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"
    if isinstance(value, list):
        return " ".join(
            product_fields.written_barcode(one.code, one.pack_quantity) for one in value
        )
    return packed(value) if isinstance(value, dict) else str(value)
