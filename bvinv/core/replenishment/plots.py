"""Demand drawn: a line of bars for a table, a plot for a terminal, an SVG, and a PNG."""

import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from bvinv.core.errors import InvalidInput
from bvinv.core.text import quoted

BARS = "▁▂▃▄▅▆▇█"
NOT_SEEN = "·"
MOST_PICTURES = 12  # in one file
Demand = Sequence[float | None]

_WIDTH, _ROWS = 80, 9  # of a plot in a terminal: its columns, and the rows that the bars have
_WIDE, _HIGH = 760, 260  # of a picture in an SVG
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 34, 44  # the margins of its plot
_INKS = {"sold": "#4c78a8", "band": "#f6c89f", "median": "#d1611a", "axis": "#444", "grid": "#ddd"}
# What XML 1.0 does not take, escaped or not.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Picture:
    """A product in a warehouse: pieces sold in each bucket, and what the coming ones may bring.

    `begins` are the first days of the buckets, those that were and then those to come. `low` and
    `high` hold the demand of a bucket with the chance `level`.
    """

    title: str
    unit: str
    begins: list[date]
    history: Sequence[float | None]
    median: list[float]
    low: list[float]
    high: list[float]
    level: float


def sparkline(demand: Demand) -> str:
    """Return one bar a bucket; a bucket that was not seen is a dot, and nothing sold the lowest."""
    top = max((units for units in demand if units is not None), default=0)
    return "".join(
        NOT_SEEN if units is None else BARS[_step(units, top, len(BARS) - 1)] for units in demand
    )


def terminal(picture: Picture, *, width: int = _WIDTH) -> list[str]:
    """Return the lines of a plot: bars of what was sold, then the median and the interval."""
    top = _round_top(picture)
    scale = max(len(_short(top)), len(_short(top / 2)))
    room = width - scale - 3
    ahead = min(len(picture.median), room // 2)
    past = min(len(picture.history), room - ahead - 1)
    wide = max(1, min(4, (room - 1) // max(past + ahead, 1)))
    cells = [_bar(units, top) for units in picture.history[len(picture.history) - past :]]
    coming = [
        _band(*values, top)
        for values in zip(picture.low, picture.median, picture.high, strict=True)
    ][:ahead]
    lines = [picture.title]
    for row in range(_ROWS - 1, -1, -1):
        label = {_ROWS - 1: _short(top), _ROWS // 2: _short(top / 2), 0: "0"}.get(row, "")
        left = "".join(cell[row] * wide for cell in cells)
        right = "".join(cell[row] * wide for cell in coming)
        lines.append(f"{label:>{scale}} {'┤' if label else '│'}{left}│{right}".rstrip())
    lines.append(f"{'':{scale}} └{'─' * (wide * past)}┴{'─' * (wide * ahead)}")
    lines.append(" " * (scale + 2) + _under(picture, wide * past, wide * ahead, past, room + 1))
    lines.append(
        " " * (scale + 2) + f"█ sold  ─ median to come  ░ with a chance of {picture.level:.4g}  "
        f"{NOT_SEEN} not seen"
    )
    return lines


def drawer(file: Path | None) -> Callable[[Sequence[Picture]], bytes] | None:
    """Return what draws a file of this name. Raises InvalidInput for any but .svg and .png."""
    if file is None:
        return None
    kinds = {".svg": svg, ".png": png}
    if file.suffix.lower() not in kinds:
        raise InvalidInput(f"a plot is FILE.svg or FILE.png, not {quoted(str(file))}")
    return kinds[file.suffix.lower()]


def svg(pictures: Sequence[Picture]) -> bytes:
    """Return an SVG 1.1 file with the pictures below each other. It holds no script."""
    _refuse_many(pictures)
    high = _HIGH * len(pictures)
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" version="1.1" role="img" width="{_WIDE}" '
        f'height="{high}" viewBox="0 0 {_WIDE} {high}" font-family="sans-serif" font-size="11">',
        f"<title>{_xml('; '.join(picture.title for picture in pictures))}</title>",
        f'<rect width="{_WIDE}" height="{high}" fill="#fff"/>',
    ]
    for place, picture in enumerate(pictures):
        parts += [f'<g transform="translate(0 {place * _HIGH})">', *_drawn(picture), "</g>"]
    return "\n".join([*parts, "</svg>", ""]).encode()


def png(pictures: Sequence[Picture]) -> bytes:
    """Return a PNG file with the pictures below each other. Raises InvalidInput without
    matplotlib, which only this needs."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InvalidInput(
            "a PNG needs matplotlib, which is not installed",
            hint="pip install 'bvinv[plot]', or name a file that ends in .svg",
        ) from None
    _refuse_many(pictures)
    figure = Figure(figsize=(7.6, 2.6 * len(pictures)), dpi=100, layout="constrained")
    for picture, axes in zip(
        pictures, figure.subplots(len(pictures), squeeze=False)[:, 0], strict=True
    ):
        past = len(picture.history)
        places = range(past, past + len(picture.median))
        sold = [units or 0 for units in picture.history]
        axes.bar(range(past), sold, color=_INKS["sold"], label="sold")
        axes.fill_between(
            places,
            picture.low,
            picture.high,
            step="mid",
            color=_INKS["band"],
            label=f"{picture.level:.4g}",
        )
        axes.step(places, picture.median, where="mid", color=_INKS["median"], label="median")
        ticks = _ticks(len(picture.begins))
        axes.set_xticks(ticks, [picture.begins[tick].isoformat() for tick in ticks])
        axes.set_ylim(0, _round_top(picture))
        # A dollar sign would begin a formula.
        axes.set_title(picture.title.replace("$", r"\$"), fontsize=10, loc="left")
        axes.legend(fontsize=8, loc="upper left")
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return target.getvalue()


def _refuse_many(pictures: Sequence[Picture]) -> None:
    if not pictures:
        raise InvalidInput("there is nothing to draw: no such product is in such a warehouse")
    if len(pictures) > MOST_PICTURES:
        raise InvalidInput(
            f"a file shows {MOST_PICTURES} products in warehouses at most",
            hint="name the products, and the warehouse: --warehouse MAIN",
        )


def _step(units: float, top: float, steps: int) -> int:
    """Return how many of so many steps a bar has; what is not nothing has at least one."""
    if units <= 0 or top <= 0:
        return 0
    return max(1, min(steps, round(units / top * steps)))


def _bar(units: float | None, top: float) -> list[str]:
    """Return the signs of a bar from below."""
    if units is None:
        return [NOT_SEEN, *" " * (_ROWS - 1)]
    eighths = _step(units, top, _ROWS * 8)
    full, rest = divmod(eighths, 8)
    return [*"█" * full, *([BARS[rest - 1]] if rest else []), *" " * _ROWS][:_ROWS]


def _band(low: float, median: float, high: float, top: float) -> list[str]:
    """Return the signs of a coming bucket from below: its interval, and the median in it."""
    at, first, last = (
        min(int(value / top * _ROWS), _ROWS - 1) if top else 0 for value in (median, low, high)
    )
    return [
        "─" if row == at else "░" if first <= row <= last and high > 0 else " "
        for row in range(_ROWS)
    ]


def _under(picture: Picture, past: int, ahead: int, shown: int, room: int) -> str:
    """Return the dates below a plot: of the first bucket, of the first to come, of the last."""
    turn = len(picture.history)
    first, coming, last = (
        picture.begins[place].isoformat() for place in (turn - shown, turn, len(picture.begins) - 1)
    )
    line = (first if past >= 22 else "").ljust(min(past + 1, room - len(coming))) + coming
    return line + last.rjust(past + 1 + ahead - len(line)) if ahead >= 24 else line


def _round_top(picture: Picture) -> float:
    """Return where the scale ends: a round number, of which the half is round, too."""
    highest = max([*(units or 0 for units in picture.history), *picture.high, 1.0])
    power = 1.0
    while power * 10 < highest:
        power *= 10
    steps = (2, 4, 6, 8, 10) if power == 1 else (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)
    return next(step for step in steps if step * power >= highest) * power


def _short(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if letter == 'k' else size):.4g}{letter}"
    return f"{value:.4g}"


def _ticks(buckets: int, most: int = 6) -> list[int]:
    every = max(1, -(-buckets // most))
    return list(range(0, buckets, every))


def _xml(said: str) -> str:
    return html.escape(_NOT_XML.sub("\ufffd", said))


def _drawn(picture: Picture) -> list[str]:
    """Return the elements of one picture: scale, bars, interval, median, dates, legend."""
    top = _round_top(picture)
    past, whole = len(picture.history), len(picture.begins)
    step = (_WIDE - _LEFT - _RIGHT) / max(whole, 1)
    floor = _HIGH - _BOTTOM

    def across(place: float) -> str:
        return f"{_LEFT + place * step:.1f}"

    def up(units: float) -> str:
        return f"{floor - min(units / top, 1) * (floor - _TOP):.1f}"

    parts = [f'<text x="{_LEFT}" y="16" font-size="13">{_xml(picture.title)}</text>']
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts += [
            f'<path d="M{_LEFT} {up(top * share)}H{_WIDE - _RIGHT}" stroke="{_INKS["grid"]}"/>',
            f'<text x="{_LEFT - 6}" y="{up(top * share)}" dy="4" text-anchor="end">'
            f"{_short(top * share)}</text>",
        ]
    for place, units in enumerate(picture.history):
        if units:
            parts.append(
                f'<rect x="{across(place + 0.1)}" y="{up(units)}" width="{step * 0.8:.1f}" '
                f'height="{floor - float(up(units)):.1f}" fill="{_INKS["sold"]}"/>'
            )
    if picture.median:
        edges = [past + place for place in range(len(picture.median) + 1)]
        above = _stairs(edges, picture.high, across, up)
        below = _stairs(edges, picture.low, across, up)
        parts += [
            f'<path d="M{"L".join([*above, *reversed(below)])}Z" fill="{_INKS["band"]}"/>',
            f'<path d="M{"L".join(_stairs(edges, picture.median, across, up))}" fill="none" '
            f'stroke="{_INKS["median"]}" stroke-width="2"/>',
        ]
    parts.append(f'<path d="M{_LEFT} {floor}H{_WIDE - _RIGHT}" stroke="{_INKS["axis"]}"/>')
    parts += [
        f'<text x="{across(place)}" y="{floor + 15}">{picture.begins[place].isoformat()}</text>'
        for place in _ticks(whole)
    ]
    return parts + _legend(picture)


def _stairs(
    edges: Sequence[int],
    values: Sequence[float],
    across: Callable[[float], str],
    up: Callable[[float], str],
) -> list[str]:
    """Return the corners of a line that is level over each bucket."""
    return [
        f"{across(edge)} {up(value)}"
        for value, pair in zip(values, pairwise(edges), strict=True)
        for edge in pair
    ]


def _legend(picture: Picture) -> list[str]:
    named = (
        ("sold", f"sold, pieces a {picture.unit}"),
        ("median", "median to come"),
        ("band", f"with a chance of {picture.level:.4g} in here"),
    )
    parts = []
    for place, (ink, said) in enumerate(named):
        left = _LEFT + place * 210
        parts += [
            f'<rect x="{left}" y="{_HIGH - 19}" width="10" height="10" fill="{_INKS[ink]}"/>',
            f'<text x="{left + 15}" y="{_HIGH - 10}">{_xml(said)}</text>',
        ]
    return parts
