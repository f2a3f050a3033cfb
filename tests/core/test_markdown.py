"""Markdown: harmless HTML of any text, and its words."""

from html.parser import HTMLParser

import pytest

from bvinv.core import markdown

TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li"),
    *("em", "strong", "a", "code", "pre", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTACKS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img src=x\nonerror\n=\nalert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='javascript:alert(1)'></object>",
    "<embed src='data:text/html,<script>alert(1)</script>'>",
    "<body onload=alert(1)>",
    "<style>*{background:url('javascript:alert(1)')}</style>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<base href='javascript:alert(1)//'>",
    "<form action='javascript:alert(1)'><button>x</button></form>",
    "<details open ontoggle=alert(1)>x</details>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='x' onmouseover='alert(1)'>x</a>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><img src=x onerror=alert(1)></template>",
    "<x/onclick=alert(1)>x",
    "<<script>alert(1)//<</script>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A&#x61vascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](  javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](data:image/svg+xml,<svg onload=alert(1)>)",
    "[x](data:image/png;base64,AAAA)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example)",
    "[x](/admin/delete)",
    "[x][1]\n\n[1]: javascript:alert(1)",
    '[x](https://example.com "onmouseover=alert(1)")',
    '[x](https://example.com" onmouseover="alert(1))',
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml;base64,AAAA)",
    "![x](https://evil.example/track.png)",
    '![x](x "onerror=alert(1)")',
    '![" onerror="alert(1)](x)',
    "![<img src=x onerror=alert(1)>](x)",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "`<script>alert(1)</script>`",
    "```html onload=alert(1)\n<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "    <script>alert(1)</script>",
    "|a|\n|-|\n|<script>alert(1)</script>|",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "# <img src=x onerror=alert(1)>",
    "> <svg/onload=alert(1)>",
    "\\<script>alert(1)\\</script>",
    "<" * 1000 + "script>",
    "[" * 1000 + "x](javascript:alert(1))",
]


class Found(HTMLParser):
    """Collects the tags and attributes of what a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.other: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_comment(self, data):
        self.other.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_harmful_comes_through(attack):
    found = Found(markdown.render(attack))

    assert found.tags <= TAGS
    assert found.other == []
    for tag, name, value in found.attributes:
        assert (tag, name) in {("a", "href"), ("a", "title"), ("a", "rel"), ("ol", "start")}
        if name == "href":
            assert value.startswith(("https://", "http://", "mailto:"))
        if name == "rel":
            assert value == "noopener nofollow"


def test_a_text_is_rendered():
    text = (
        "# A *title*\n\nOne\ntwo  \nthree [link](https://example.com 'T') <me@example.com>\n\n"
        "3. x\n\n|a|b|\n|-|-|\n|1|2|\n\n![the **cover**](https://example.com/x.png) `<b>`"
    )

    assert markdown.render(text) == (
        "<h1>A <em>title</em></h1>\n<p>One\ntwo<br>\nthree "
        '<a href="https://example.com" title="T" rel="noopener nofollow">link</a> '
        '<a href="mailto:me@example.com" rel="noopener nofollow">me@example.com</a></p>\n'
        '<ol start="3">\n<li>x</li>\n</ol>\n'
        "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n"
        "<tbody>\n<tr>\n<td>1</td>\n<td>2</td>\n</tr>\n</tbody>\n</table>\n"
        "<p>the cover <code>&lt;b&gt;</code></p>\n"
    )
    assert markdown.render("") == ""


def test_the_words_of_a_text_are_left_without_marks():
    text = (
        "# A *title*\n\nOne\ntwo  \nthree [link](https://example.com) `code` <b>x</b>\n\n"
        "- a\n- **b**\n\n> quoted\n\n```\nif x:\n```\n\n![the *cover*](x.png) C++ & O'Brien"
    )

    assert markdown.plain(text) == (
        "A title\nOne two three link code <b>x</b>\na\nb\nquoted\nif x:\nthe cover C++ & O'Brien"
    )
    assert markdown.plain("") == ""
