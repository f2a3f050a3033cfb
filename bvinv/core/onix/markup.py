"""The marked-up texts of an ONIX message as Markdown: paragraphs, lists, emphasis, line breaks.

Publishers send plain text, XHTML, HTML inside XML, and HTML said to be plain text. What comes out
is never HTML, and whatever character the text itself has is shown as that character.
"""

import html
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, tostring

# Each pattern ends at the next "<" or ">" at the latest, so that no text takes quadratic time.
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)[^<>]*>|<[!?/][^<>]*>")
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_SPACE = re.compile(r"[ \t\r\n\f]+")
_ESCAPED = re.compile(r"[\\`*_~\[\]<]|&(?=#?[A-Za-z0-9]+;)")
_LINE_START = re.compile(r"^(?:([0-9]{1,9})([.)])(?= |$)|([-+=>#|:]))", re.MULTILINE)
_BLOCKS = frozenset(
    [
        *("address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt"),
        *("figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr"),
        *("html", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tr", "ul"),
    ]
)
_STYLES = {
    "b": "**",
    "strong": "**",
    **{f"h{level}": "**" for level in range(1, 7)},
    "em": "*",
    "i": "*",
    "cite": "*",
}
_UNREAD = frozenset({"script", "style", "title", "head"})
_INLINE = ("a", "abbr", "br", "code", "font", "q", "s", "small", "span", "sub", "sup", "td", "u")
_KNOWN = re.compile(
    rf"</?(?:{'|'.join(sorted(_BLOCKS | _STYLES.keys() | set(_INLINE)))})(?:\s[^<>]*)?/?>"
    r"|&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8});",
    re.IGNORECASE,
)
# List 34, text format: SGML, HTML, XML and XHTML; and those that are plain text.
_MARKED_UP = frozenset({"01", "02", "03", "05"})
_PLAIN = frozenset({"", "00", "06", "07"})
_DEEPEST_LIST = 5
_BREAK = "\n"


def markdown(element: Element, *, text_format: str = "") -> str:
    """Return the text of an element in Markdown, nothing for what is not text (PDF, Word).

    `text_format` is a code of List 34, from the element beside it (2.1) where the attribute
    `textformat` is not there. Plain text that has known tags in it is taken for the HTML it is.
    """
    text_format = element.get("textformat", text_format).strip()
    if text_format not in _MARKED_UP | _PLAIN:
        return ""
    if len(element):
        return _converted(tostring(element, encoding="unicode", method="xml"))
    text = element.text or ""
    if text_format in _MARKED_UP or _KNOWN.search(text):
        return _converted(text)
    return _converted(html.escape(text, quote=False))


def _converted(text: str) -> str:
    writer = _Writer()
    names = {match[2].lower() for match in _TAG.finditer(text) if match[2]}
    if not names & _BLOCKS:
        text = _BLANK_LINE.sub("<p>", text)
    unread = ""
    for closes, name, between in _tokens(text):
        if unread:
            unread = "" if closes and name == unread else unread
        elif name in _UNREAD and not closes:
            unread = name
        elif name:
            writer.tag(name, bool(closes))
        else:
            writer.text(html.unescape(between))
    return writer.finished()


def _tokens(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield "/" and the name of each tag, and the text between the tags; comments vanish."""
    place = 0
    while place < len(text):
        comment = text.find("<!--", place)
        end = len(text) if comment < 0 else comment
        for match in _TAG.finditer(text, place, end):
            yield "", "", text[place : match.start()]
            yield match[1] or "", (match[2] or "").lower(), ""
            place = match.end()
        yield "", "", text[place:end]
        close = text.find("-->", end)
        place = close + 3 if close >= 0 else len(text)


class _Writer:
    """Puts paragraphs together; `_runs` are the pieces of the one at hand, with their style."""

    def __init__(self) -> None:
        self._blocks: list[tuple[bool, str]] = []
        self._runs: list[tuple[str, str]] = []
        self._open = {"*": 0, "**": 0}
        self._lists: list[int] = []  # The next number of each list that is open, -1 for bullets.
        self._marker = ""

    def text(self, text: str) -> None:
        if text:
            style = "".join(style for style, count in self._open.items() if count)
            self._runs.append((style, _SPACE.sub(" ", text)))

    def tag(self, name: str, closes: bool) -> None:
        if name == "br":
            self._runs.append(("", _BREAK))
        elif name in ("td", "th"):
            self.text(" ")
        if name in _BLOCKS:
            self._end_block()
        if name in _STYLES:
            style = _STYLES[name]
            self._open[style] = max(0, self._open[style] + (-1 if closes else 1))
        elif name in ("ul", "ol"):
            if closes:
                del self._lists[-1:]
            elif len(self._lists) < _DEEPEST_LIST:
                self._lists.append(1 if name == "ol" else -1)
        elif name == "li" and not closes:
            self._marker = self._next_marker()

    def finished(self) -> str:
        self._end_block()
        parts: list[str] = []
        for place, (is_item, block) in enumerate(self._blocks):
            if place:
                parts.append("\n" if is_item and self._blocks[place - 1][0] else "\n\n")
            parts.append(block)
        return "".join(parts)

    def _next_marker(self) -> str:
        if not self._lists or self._lists[-1] < 0:
            return "- "
        self._lists[-1] += 1
        return f"{self._lists[-1] - 1}. "

    def _end_block(self) -> None:
        runs, self._runs = self._runs, []
        for paragraph in _paragraphs(runs):
            outer = "".join("  " if number < 0 else "   " for number in self._lists[:-1])
            width = len(self._marker or ("- " if self._lists else ""))
            first, rest = outer + self._marker, outer + " " * width
            if not self._marker:
                first = rest
            lines = paragraph.split("\n")
            block = first + lines[0] + "".join(f"\n{rest}{line}" for line in lines[1:])
            self._blocks.append((bool(self._marker), block))
            self._marker = ""


def _paragraphs(runs: list[tuple[str, str]]) -> Iterator[str]:
    """Yield what stands between two line breaks in a row, its single breaks kept."""
    lines: list[str] = []
    line: list[tuple[str, str]] = []
    for style, text in [*runs, ("", _BREAK), ("", _BREAK)]:
        if text != _BREAK:
            line.append((style, text))
            continue
        if written := _line(line):
            lines.append(written)
        elif lines:
            yield "\\\n".join(lines)
            lines = []
        line = []


def _line(runs: list[tuple[str, str]]) -> str:
    """Return one line in Markdown, its emphasis only where Markdown would see it."""
    merged: list[list[str]] = []
    for style, text in runs:
        if merged and (merged[-1][0] == style or not text.strip()):
            merged[-1][1] += text
        else:
            merged.append([style, text])
    written = ""
    for place, (style, text) in enumerate(merged):
        inner = _SPACE.sub(" ", text).strip(" ")
        if not inner:
            written += " "
            continue
        before = " " if text[0] == " " else written[-1:]
        behind = merged[place + 1][1][0] if place + 1 < len(merged) else " "
        after = " " if text[-1] == " " else behind
        escaped = _ESCAPED.sub(lambda match: "\\" + match[0], inner)
        if style and _opens(before, inner[0]) and _opens(after, inner[-1]):
            escaped = f"{style}{escaped}{style[::-1]}"
        written += " " * (text[0] == " ") + escaped + " " * (text[-1] == " ")
    return _LINE_START.sub(_unmarked, _SPACE.sub(" ", written).strip(" "))


def _opens(outside: str, inside: str) -> bool:
    """Say whether asterisks between these characters are emphasis (CommonMark 0.31, 6.2)."""
    if outside in ("", " "):
        return True
    return outside != "*" and (inside.isalnum() or not outside.isalnum())


def _unmarked(match: re.Match[str]) -> str:
    number, point, sign = match.groups()
    return f"{number}\\{point}" if number else f"\\{sign}"
