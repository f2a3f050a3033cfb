"""Columns of a file: which of them is which field."""

import re
from collections.abc import Collection, Mapping, Sequence

from bvinv.core import text
from bvinv.core.errors import InvalidInput

SAVE_AS = "save it as CSV in UTF-8, with commas between the cells"
# What an earlier run wrote into its rejects file; a mended one is imported as it is.
ERROR_COLUMNS = ("error_code", "error_field", "error_message")
_BETWEEN_WORDS = re.compile(r"[\s._-]+")


def plain(column: str) -> str:
    """Return what two headers share that differ in case, spaces, hyphens, dots and underscores."""
    return _BETWEEN_WORDS.sub("", column).casefold()


def is_error(column: str) -> bool:
    """Tell whether a column is one that a rejects file has behind the row's own."""
    return plain(column) in _ERRORS


_ERRORS = frozenset(map(plain, ERROR_COLUMNS))


def match(
    columns: Sequence[str],
    *,
    fields: Collection[str],
    required: Collection[str | tuple[str, ...]],
    synonyms: Mapping[str, str] = {},
    mapping: Mapping[str, str] = {},
    several: Collection[str] = (),
    ignore_unknown: bool = False,
) -> dict[str, list[int]]:
    """Return the places of the columns that each field is read from.

    Case, spaces, hyphens, dots and underscores in a header do not matter. The caller's mapping
    (column to field, or to `-` for none) goes before synonyms; the `several` fields may have more
    than one column, in the mapping's order. Of a tuple of `required` fields one has to be
    there. Raises InvalidInput for unknown, doubled and missing columns.
    """
    names = [plain(column) for column in columns]
    _refuse_doubled(columns, names)
    places, left = _mapped(columns, names, fields, mapping)
    known = {plain(field): field for field in fields}
    meant = {plain(name): field for name, field in synonyms.items() if field in fields}
    unknown = []
    for place in left:
        name = names[place]
        field = known.get(name, "")
        # A synonym stands back behind the field itself.
        if name in meant and plain(meant[name]) not in names and meant[name] not in places:
            field = meant[name]
        if field:
            places.setdefault(field, []).append(place)
        elif name not in _ERRORS:
            unknown.append(columns[place])
    for field, found in places.items():
        if len(found) > 1 and field not in several:
            both = " and ".join(text.quoted(columns[place]) for place in found)
            raise InvalidInput(f"the columns {both} would both be the {field}")
    for needed in required:
        alternatives = (needed,) if isinstance(needed, str) else needed
        if not places.keys() & set(alternatives):
            hint = _missing_hint(columns, is_header=bool(places))
            raise InvalidInput(f"the file has no column {' or '.join(alternatives)}", hint=hint)
    if unknown and not ignore_unknown:
        raise InvalidInput(
            f"unknown columns: {_listed(unknown)}",
            hint="use --mapping COLUMN=FIELD, --mapping COLUMN=- or --ignore-unknown",
        )
    return places


def _refuse_doubled(columns: Sequence[str], names: list[str]) -> None:
    first: dict[str, str] = {}
    for column, name in zip(columns, names, strict=True):
        # A spreadsheet may well have empty columns at its end.
        if name and name in first:
            if column == first[name]:
                raise InvalidInput(f"the header has {text.quoted(column)} more than once")
            both = f"{text.quoted(first[name])} and {text.quoted(column)}"
            raise InvalidInput(f"the columns {both} have the same name")
        first[name] = column


def _mapped(
    columns: Sequence[str], names: list[str], fields: Collection[str], mapping: Mapping[str, str]
) -> tuple[dict[str, list[int]], list[int]]:
    """Return what the caller says about columns, and the columns that nothing was said about."""
    places: dict[str, list[int]] = {}
    left = list(range(len(names)))
    missing = [text.quoted(column) for column in mapping if plain(column) not in names]
    if missing:
        what, are = ("columns", "are") if missing[1:] else ("column", "is")
        raise InvalidInput(
            f"the mapping names the {what} {', '.join(missing)}, which {are} not there",
            hint=f"the file has: {_listed(columns)}",
        )
    for column, field in mapping.items():
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


def _missing_hint(columns: Sequence[str], *, is_header: bool) -> str:
    hint = f"the file has: {_listed(columns)}; use --mapping COLUMN=FIELD"
    return hint if is_header else f"{hint}, or --no-header if that is the first row"
