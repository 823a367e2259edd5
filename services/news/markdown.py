"""From the Markdown that editors write to HTML that is safe in any phone. No images: the cover is the picture."""

from typing import Final

import nh3
from markdown_it import MarkdownIt

RENDERER: Final = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
SANITISER: Final = nh3.Cleaner(
    tags={
        *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code"),
        *("strong", "em", "s", "a", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"),
    },
    attributes={"a": {"href", "title"}, "ol": {"start"}},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel="noopener",
)


def render_markdown(text: str) -> str:
    """HTML of CommonMark with tables and strikethrough. Raw HTML in it is shown as text; links lead out over http,
    https or mailto; everything not named here is dropped, should the renderer ever let it through."""
    html: str = RENDERER.render(text)
    return SANITISER.clean(html)
