"""Markdown: descriptions as HTML that is safe to show anywhere, and as plain words.

A description is kept as it was written; it is rendered where it is shown. Nothing here is imported
by what does not show one.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li"),
    *("em", "strong", "a", "code", "pre", "table", "thead", "tbody", "tr", "th", "td"),
}
_LINKS = ("https://", "http://", "mailto:")


def render(text: str) -> str:
    """Return Markdown (CommonMark and tables) as HTML of a few harmless tags.

    HTML in the text is shown as text. Links go to http, https and mailto addresses only; of an
    image remains its description, so that showing a text loads nothing from anywhere.
    """
    if not text:
        return ""
    import nh3

    return nh3.clean(
        _parser().render(text),
        tags=_TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        attribute_filter=_allowed,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener nofollow",
        strip_comments=True,
    )


def plain(text: str) -> str:
    """Return the words of a Markdown text without its marks, one block a line."""
    return "\n".join(filter(None, (_words([token]) for token in _parser().parse(text))))


def _words(tokens: Sequence["Token"]) -> str:
    return "".join(_parts(tokens)).strip()


def _parts(tokens: Sequence["Token"]) -> Iterator[str]:
    for token in tokens:
        if token.children:  # an image's are its description
            yield _words(token.children)
        elif token.type in ("softbreak", "hardbreak"):
            yield " "
        else:
            yield token.content


def _allowed(tag: str, name: str, value: str) -> str | None:
    """Return an attribute's value, or None to leave it out."""
    if tag == "a" and name == "href" and not value.lower().startswith(_LINKS):
        return None
    return value


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("image", _described)
    return parser


def _described(_: Any, tokens: Sequence["Token"], place: int, *_more: Any) -> str:
    from markdown_it.common.utils import escapeHtml

    return escapeHtml(_words(tokens[place].children or []))
