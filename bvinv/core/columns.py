"""Columns of a file: which of them is which field."""

from collections.abc import Collection, Mapping, Sequence

from bvinv.core import text
from bvinv.core.errors import InvalidInput

SAVE_AS = "save it as CSV in UTF-8, with commas between the cells"
# What an earlier run wrote into its rejects file; a mended one is imported as it is.
ERROR_COLUMNS = ("error_code", "error_field", "error_message")


def plain(column: str) -> str:
    """Return what two headers share when they differ in case, spaces and hyphens only."""
    return column.strip().casefold().replace(" ", "_").replace("-", "_")


def match(
    columns: Sequence[str],
    *,
    fields: Collection[str],
    required: Collection[str],
    synonyms: Mapping[str, str] = {},
    mapping: Mapping[str, str] = {},
    several: Collection[str] = (),
    ignore_unknown: bool = False,
) -> dict[str, list[int]]:
    """Return the places of the columns that each field is read from.

    Case, spaces and hyphens in a header do not matter. The caller's mapping (column to field, or
    to `-` for none) goes before synonyms; the `several` fields may have more than one column, in
    the mapping's order. Raises InvalidInput for unknown, doubled and missing columns.
    """
    names = [plain(column) for column in columns]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InvalidInput(f"the header has {', '.join(map(text.quoted, doubled))} more than once")
    places, left = _mapped(columns, names, fields, mapping)
    unknown = []
    for place in left:
        name = names[place]
        field = name
        if name in synonyms and synonyms[name] not in names:
            field = synonyms[name]
        if field in fields and not (field != name and field in places):
            places.setdefault(field, []).append(place)
        elif name not in ERROR_COLUMNS:
            unknown.append(columns[place])
    for field, found in places.items():
        if len(found) > 1 and field not in several:
            both = " and ".join(text.quoted(columns[place]) for place in found)
            raise InvalidInput(f"the columns {both} would both be the {field}")
    for field in required:
        if field not in places:
            raise InvalidInput(f"the file has no column {field}", hint=_missing_hint(columns))
    if unknown and not ignore_unknown:
        raise InvalidInput(
            f"unknown columns: {_listed(unknown)}",
            hint="use --mapping COLUMN=FIELD, --mapping COLUMN=- or --ignore-unknown",
        )
    return places


def _mapped(
    columns: Sequence[str], names: list[str], fields: Collection[str], mapping: Mapping[str, str]
) -> tuple[dict[str, list[int]], list[int]]:
    """Return what the caller says about columns, and the columns that nothing was said about."""
    places: dict[str, list[int]] = {}
    left = list(range(len(names)))
    for column, field in mapping.items():
        if plain(column) not in names:
            raise InvalidInput(
                f"the mapping names the column {text.quoted(column)}, which is not there",
                hint=f"the file has: {_listed(columns)}",
            )
        place = names.index(plain(column))
        if place not in left:
            raise InvalidInput(f"the mapping names the column {text.quoted(column)} twice")
        left.remove(place)
        if field in fields:
            places.setdefault(field, []).append(place)
        elif field != "-":
            raise InvalidInput(
                f"the mapping names the field {text.quoted(field)}, which is not known",
                hint=f"known fields: {_listed(fields)}; - ignores a column",
            )
    return places, left


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(name if name.isidentifier() else text.quoted(name) for name in [*names][:30])
    return f"{shown} and {len(names) - 30} more" if len(names) > 30 else shown


def _missing_hint(columns: Sequence[str]) -> str:
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(columns) == 1 and separator in columns[0]:
            return f"there seem to be {name} between the cells; {SAVE_AS}"
    return f"the file has: {_listed(columns)}; use --mapping COLUMN=FIELD"
