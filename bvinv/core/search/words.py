"""Words: how text is taken apart for the index and, in the same way, for a query.

Case, accents and apostrophes do not count: `Brontë` is `bronte`, `O’Brien` is `obrien`. `C++`,
`C#` and `.NET` are words. What hyphens, points or slashes hold together can be found joined and
apart. Scripts without spaces are taken character by character, and a run of them is a phrase.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from unicodedata import normalize

# A query of any length is answered by what stands at its beginning.
MOST_CHARACTERS = 2000
MOST_WORDS = 32
_LONGEST_CODE = 100

# What word processors make of plain signs; most texts are ASCII without it, and fast to read.
_TYPOGRAPHIC = (
    dict.fromkeys(map(ord, "’‘ʼʻ´＇"), "'")
    | dict.fromkeys(map(ord, "“”„«»"), '"')
    | dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")
)
# Letters that Unicode does not take apart into a plain one and a mark; the last four are what
# Arabic and Persian keyboards write differently.
_LETTERS = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "ħ": "h"}
    | {"ŋ": "n", "ŧ": "t", "ى": "ي", "ة": "ه", "ک": "ك", "ی": "ي"}
)
# Accents of Latin, Greek and Cyrillic, points of Hebrew and Arabic, invisible joiners.
_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u00ad\u200b-\u200f\u2060\ufeff]"
)
# Thai, Lao, Burmese, Khmer, kana and Chinese characters.
_SPACELESS = (
    "\u0e01-\u0e3e\u0e40-\u0e4e\u0e50-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u3096\u3099\u309a"
    "\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_INDIC = "\u0900-\u0963\u0966-\u0dff"  # their vowel signs are no letters to `re`
_LETTER = rf"(?:[^\W_{_SPACELESS}]|[{_INDIC}])"
_AFTER = r"(?:(?:\+\+?|#)(?!\w))?"
_BEFORE = r"(?:(?<![\w.])\.(?=[^\W\d_]{2}))?"
_WORD = re.compile(rf"[{_SPACELESS}]|{_BEFORE}{_LETTER}+{_AFTER}")
_ASCII_WORD = re.compile(rf"{_BEFORE}[a-z0-9]+{_AFTER}")
_IS_SPACELESS = re.compile(f"[{_SPACELESS}]")
_APOSTROPHE = re.compile(r"(?<=\w)['`](?=\w)")
_COMPOUND = re.compile(r"[^\W_]+(?:[-.,:/&_][^\W_]+)+")
_INITIALS = re.compile(r"(?<!\w)[^\W\d_](?:\.\s?[^\W\d_](?!\w))+")
_HOLDS = re.compile(r"[-.,:/&_](?=[^\W_])")
_TRAILING_SIGN = re.compile(r"[+#](?<=[^\W_][+#])")
_LEADING_POINT = re.compile(r"\.(?<![\w.]\.)(?=[^\W\d_]{2})")
_ASCII_SPACES = {place: " " for place in range(128) if not chr(place).isalnum()}
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_SHORT_RUN = 20  # characters; longer ones hardly come twice
_NO_LETTER = re.compile(r"[\W_]+")
_SEPARATORS = re.compile(r"[\s-]+")
_QUOTED = re.compile('["“”„«»]([^"“”„«»]*)["“”«»]')


def fold(text: str) -> str:
    """Return the text without what does not count: case, accents, compatibility forms."""
    if text.isascii():
        return text.lower()
    return _FOREIGN.sub(_replaced, text.lower())


def _replaced(run: re.Match[str]) -> str:
    """Return the plain form of what is not ASCII: mostly one letter, seen before."""
    found = run[0]
    return _plain(found) if len(found) < _SHORT_RUN else _plain.__wrapped__(found)


@lru_cache(maxsize=10_000)
def _plain(run: str) -> str:
    plain = normalize("NFKD", run.translate(_TYPOGRAPHIC)).casefold()
    return normalize("NFC", _MARKS.sub("", plain).translate(_LETTERS))


def words(text: str) -> list[str]:
    """Return the words of a text in their order."""
    return _words(_folded(text))


def indexed(text: str) -> tuple[str, str]:
    """Return what the index takes of a text, and its words alone, each with spaces between.

    After the words come other ways to write them: compounds joined, `c++` without its signs.
    """
    return _indexed(_folded(text))


def _indexed(folded: str) -> tuple[str, str]:
    found = _words(folded)
    alone = " ".join(found)
    more: list[str] = []
    if _HOLDS.search(folded):
        more += map(_joined, _COMPOUND.findall(folded))
    if "." in folded:
        more += map(_joined, _INITIALS.findall(folded))
    if _is_signed(folded):
        more += [word.strip(".+#") for word in found]
    if not more:
        return alone, alone
    known = set(found)
    return " ".join([alone, *(word for word in dict.fromkeys(more) if word not in known)]), alone


def prose(text: str) -> str:
    """Return what the index takes of a long text, where nobody looks for initials.

    More than one space may stand between words.
    """
    folded = _folded(text)
    is_plain = folded.isascii() and not _is_signed(folded) and not _HOLDS.search(folded)
    return folded.translate(_ASCII_SPACES) if is_plain else _indexed(folded)[0]


def code(text: str) -> str:
    """Return a SKU, ISBN or barcode as it is compared: folded, without hyphens and spaces."""
    if text.isascii():
        return "".join(text.lower().replace("-", " ").split())
    return _SEPARATORS.sub("", fold(text)).encode(errors="ignore").decode()


class Chunk(NamedTuple):
    """A part of a query without a space in it, or what stood in quotation marks."""

    words: list[str]
    joined: str  # the words as one, where something else than a space held them together
    code: str
    is_phrase: bool


def chunks(query: str) -> list[Chunk]:
    """Return the parts of a query; whatever is no word in it is left out, nothing is refused."""
    left = MOST_WORDS
    found = []
    for one in _chunks(query[:MOST_CHARACTERS]):
        if left <= 0:
            break
        found.append(one._replace(words=one.words[:left]))
        left -= max(1, len(one.words))
    return found


def _chunks(query: str) -> Iterator[Chunk]:
    for place, part in enumerate(_QUOTED.split(query)):
        if place % 2:
            quoted = words(part)
            if quoted:
                yield Chunk(quoted, "", "", len(quoted) > 1)
            continue
        for piece in part.split():
            found = words(piece)
            number = code(piece)[:_LONGEST_CODE].strip("\"'*?.,;:!()[]{}")
            spaceless = len(found) > 1 and bool(_IS_SPACELESS.search("".join(found)))
            joined = "".join(found) if len(found) > 1 and not spaceless else ""
            if found or number:
                yield Chunk(found, joined, number, spaceless)


def _folded(text: str) -> str:
    folded = fold(text)
    return _APOSTROPHE.sub("", folded) if "'" in folded or "`" in folded else folded


def _is_signed(folded: str) -> bool:
    """Tell whether a word may have a sign that belongs to it, as in C++, C# and .NET."""
    if ("+" in folded or "#" in folded) and _TRAILING_SIGN.search(folded):
        return True
    return "." in folded and _LEADING_POINT.search(folded) is not None


def _words(folded: str) -> list[str]:
    if not folded.isascii():
        return _WORD.findall(folded)
    if _is_signed(folded):
        return _ASCII_WORD.findall(folded)
    return folded.translate(_ASCII_SPACES).split()  # the same, ten times as fast


def _joined(compound: str) -> str:
    return _NO_LETTER.sub("", compound)
