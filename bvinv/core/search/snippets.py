"""Snippets: a piece of a product's text with what was found in it marked, as HTML."""

import re
from collections.abc import Callable
from html import escape

from bvinv.core.models.product import ProductRow
from bvinv.core.search import words
from bvinv.core.search.words import Chunk

_LENGTH = 160  # characters, without what is escaped
_BEFORE = 50  # of them before what was found
_READ = 5000  # of a description
_MARKUP = re.compile(r"[*`]+|^\s*(?:#+|>|[-+])\s+|\]\([^)]*\)|!?\[", re.MULTILINE)
_MARKED_UP = re.compile(r"[*`#>\[+-]")
_WORD = re.compile(r"\.?\w+(?:['’]\w+)*[+#]*")


class Marker:
    """Marks what a query found."""

    def __init__(self, chunks: list[Chunk], *, spelled: bool) -> None:
        """Keep the words; the last one may only be begun, and with `spelled` any be misspelt."""
        self._words = {word for chunk in chunks for word in (*chunk.words, chunk.joined) if word}
        last = chunks[-1] if chunks else None
        begun = last.words[-1] if last and last.words and last.code else ""
        self._begun = begun if len(begun) > 1 else ""
        self._spelled = spelled
        self._seen: dict[str, bool] = {}
        ways = [re.escape(word) for word in sorted(self._words)]
        if self._begun:
            ways.append(rf"{re.escape(self._begun)}\w*")
        self._plain = re.compile(rf"(?<!\w)(?:{'|'.join(ways)})(?!\w)", re.IGNORECASE)

    def snippet(self, row: ProductRow) -> str:
        """Return where the description says it, else the title, else the author."""
        if not self._words:
            return ""
        said = row.description[:_READ]
        if _MARKED_UP.search(said):
            said = _MARKUP.sub("", said)
        said = " ".join(said.split())
        spans = self._spans(said)
        if spans:
            return _cut(said, spans)
        for said in (row.title, row.author):
            if spans := self._spans(said):
                return _marked(said, spans, 0, len(said))
        return escape(row.title)

    def _spans(self, said: str) -> list[tuple[int, int]]:
        """Return where words that were found begin and end."""
        if said.isascii() and not self._spelled and "'" not in said:
            folded = said.lower()
            if not any(word in folded for word in self._words):
                return []
            return [match.span() for match in self._plain.finditer(said)]
        return [match.span() for match in _WORD.finditer(said) if self._is_found(match[0])]

    def _is_found(self, said: str) -> bool:
        if said.isascii() and said.isalnum() and not self._spelled:
            return self._is_wanted(said.lower())
        if said not in self._seen:
            self._seen[said] = any(map(self._is_wanted, words.words(said)))
        return self._seen[said]

    def _is_wanted(self, word: str) -> bool:
        if word in self._words or (self._begun and word.startswith(self._begun)):
            return True
        return self._spelled and any(map(_is_like(word), self._words))


def _cut(said: str, spans: list[tuple[int, int]]) -> str:
    """Return the words around the first that was found."""
    first, first_end = spans[0]
    start = max(0, first - _BEFORE)
    if start:
        start = min(said.find(" ", start) + 1, first)
    end = len(said)
    if end - start > _LENGTH:
        end = max(said.rfind(" ", start, start + _LENGTH), first_end)
    shown = _marked(said, spans, start, end)
    return f"{'… ' if start else ''}{shown}{' …' if end < len(said) else ''}"


def _marked(said: str, spans: list[tuple[int, int]], start: int, end: int) -> str:
    parts = []
    for first, last in spans:
        if start <= first and last <= end:
            parts.append(f"{escape(said[start:first])}<mark>{escape(said[first:last])}</mark>")
            start = last
    return "".join(parts) + escape(said[start:end])


def _is_like(word: str) -> Callable[[str], bool]:
    def like(wanted: str) -> bool:
        edits = (len(wanted) >= 4) + (len(wanted) >= 8)
        return abs(len(word) - len(wanted)) <= edits and _distance(word, wanted) <= edits

    return like


def _distance(one: str, other: str) -> int:
    """Return how many letters to add, drop, change or swap; optimal string alignment."""
    before: list[int] = []
    line = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        beyond, before, line = before, line, [row]
        for column, wanted in enumerate(other, 1):
            least = min(before[column] + 1, line[-1] + 1, before[column - 1] + (letter != wanted))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == wanted:
                least = min(least, beyond[column - 2] + 1)
            line.append(least)
    return line[-1]
