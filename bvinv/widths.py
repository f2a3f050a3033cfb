"""How the columns of a table give way to a narrow terminal."""

from collections.abc import Sequence

# A header, the kind of the column, its cells.
Column = tuple[str, str, list[str]]
# How a table gives way, gentlest first: the space between columns, whether headers and instants
# break at their spaces, and how narrow texts and codes may get. Numbers and names never give way.
_SQUEEZES = ((2, False, False, 24, 99), (1, True, False, 12, 99), (1, True, True, 8, 5))


def fit(columns: Sequence[Column], room: int) -> tuple[int, bool, list[int]] | None:
    """Return the space between columns, whether cells may break, and the widths, if any do."""
    from rich.cells import cell_len

    def width(texts: Sequence[str], broken: bool) -> int:
        return max(map(cell_len, " ".join(texts).split() if broken else texts), default=0)

    for gap, break_headers, break_instants, text, code in _SQUEEZES:
        widths, floors = [], []
        for header, kind, cells in columns:
            least = width([header], break_headers)
            body = width(cells, break_instants and kind == "instant")
            widths.append(max(least, min(body, room)))
            floors.append(max(least, min(body, {"text": text, "code": code}.get(kind, body))))
        excess = sum(widths) + gap * (len(columns) - 1) - room
        while excess > 0 and (wide := [i for i, w in enumerate(widths) if w > floors[i]]):
            widths[max(wide, key=widths.__getitem__)] -= 1
            excess -= 1
        if excess <= 0:
            return gap, break_instants, widths
    return None
