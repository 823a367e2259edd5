"""What editors write never runs in a phone."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Final

import pytest

from services.news.markdown import SANITISER, render_markdown

TAGS: Final = frozenset(
    [
        "p",
        "br",
        "hr",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "blockquote",
        "pre",
        "code",
        "strong",
        "em",
        "s",
        "a",
        "ul",
        "ol",
        "li",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    ]
)

ATTACKS: Final = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](\u0001javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](data:image/svg+xml,<svg/onload=alert(1)>)",
    "[x](vbscript:msgbox(1))",
    "[x](file:///etc/passwd)",
    "[x](//evil.example/x)",
    "[x](/v1/auth/sessions)",
    "[x](tel:+77000000000)",
    "[x](intent://scan/#Intent;scheme=evil;end)",
    '[x](https://a.example "onmouseover=alert(1)")',
    "[x](https://a.example' onclick='alert(1))",
    "![x](https://evil.example/pixel.png)",
    "![x](javascript:alert(1))",
    '![x"onerror="alert(1)](y)',
    "<javascript:alert(1)>",
    '<https://a.example/" onclick="alert(1)>',
    "[x]: javascript:alert(1)\n\n[x]",
    '```"><script>alert(1)</script>\nx\n```',
    "`<script>alert(1)</script>`",
    "<!-- --><script>alert(1)</script>-->",
    "<math><mtext></table><mglyph><style><img src=x onerror=alert(1)>",
    "| <b onclick=alert(1)> |\n|---|\n| <script> |",
    "<style>*{background:url(https://evil.example)}</style>",
    "<form action=https://evil.example><input name=code></form>",
    "<base href=https://evil.example>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "\\<script>alert(1)\\</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "1. <ol start='x' onclick=alert(1)>",
)


class Elements(HTMLParser):
    """The elements of a page as a browser's tokenizer sees them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("make_safe", [render_markdown, SANITISER.clean], ids=["whole", "sanitiser alone"])
@pytest.mark.parametrize("attack", ATTACKS, ids=ascii)
def test_attack_leaves_no_element_or_attribute_that_acts(attack: str, make_safe: Callable[[str], str]) -> None:
    for tag, attributes in Elements(make_safe(f"Мәтін {attack}\n\n{attack}")).found:
        assert tag in TAGS
        assert set(attributes) <= {"a": {"href", "title", "rel"}, "ol": {"start"}}.get(tag, set())
        assert re.match(r"https?://|mailto:", attributes.get("href") or "https://")


def test_corpus_would_be_caught_without_the_sanitiser() -> None:
    found = [tag for attack in ATTACKS for tag, _ in Elements(attack).found]
    assert {"script", "img", "svg", "iframe"} <= set(found)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("## Су\n\n**құбыр** _жаңа_", "<h2>Су</h2>\n<p><strong>құбыр</strong> <em>жаңа</em></p>\n"),
        ("1 < 2 & 3", "<p>1 &lt; 2 &amp; 3</p>\n"),
        ("[сайт](https://a.kz/?q=1&r=2)", '<p><a href="https://a.kz/?q=1&amp;r=2" rel="noopener">сайт</a></p>\n'),
        ("[хат](mailto:a@b.kz)", '<p><a href="mailto:a@b.kz" rel="noopener">хат</a></p>\n'),
        ("3. үш\n4. төрт", '<ol start="3">\n<li>үш</li>\n<li>төрт</li>\n</ol>\n'),
        ("<b>мәтін</b>", "<p>&lt;b&gt;мәтін&lt;/b&gt;</p>\n"),
        ("~~ескі~~", "<p><s>ескі</s></p>\n"),
    ],
)
def test_markdown_becomes_html(written: str, shown: str) -> None:
    assert render_markdown(written) == shown
