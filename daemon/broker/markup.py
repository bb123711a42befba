"""The words of a page of HTML: each character is looked at a bounded number of times.

What begins is over at its end or, where it has none, at the page's, as in a browser: so no part
is gone through twice, and a page that was made to be slow is not.
"""

from __future__ import annotations

import re
from html import unescape

# Their content is not for people's eyes, or stands elsewhere; a head may end without saying so.
UNSEEN = frozenset({"script", "style", "noscript", "template", "svg", "title"})
BLOCKS = frozenset(
    ["p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "table", "section"]
)
MARK = re.compile(r"<(?:(?P<comment>!--)|[!?]|/(?![a-zA-Z])|(?P<end>/?)(?P<tag>[a-zA-Z][^\s/>]*))")
TAG_OR_VALUE_END = re.compile(r">|=\s*[\"']")  # what stands in quotes may hold a >
CLOSED = {tag: re.compile(rf"</{tag}(?=[\s/>])", re.ASCII | re.IGNORECASE) for tag in UNSEEN}
# Shorter than any that html.unescape fails at: it takes no number of thousands of digits.
CHARACTER = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]\w{0,31});?", re.ASCII)


def readable(html: str) -> str:
    """The words of a page, a line for each block."""
    words, at = [], 0
    while (mark := MARK.search(html, at)) is not None:
        words.append(html[at : mark.start()])
        tag = (mark["tag"] or "").lower()
        if tag in BLOCKS:
            words.append("\n")
        at = _past(html, mark)
        if tag in UNSEEN and not mark["end"] and html[at - 2 : at] != "/>":
            closed = CLOSED[tag].search(html, at)
            at = closed.start() if closed else len(html)
    words.append(html[at:])
    text = CHARACTER.sub(lambda one: unescape(one[0]), "".join(words))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _past(html: str, mark: re.Match[str]) -> int:
    """Where the comment or tag ends that begins with `mark`."""
    if mark["comment"]:
        return _after(html, "-->", mark.end() - 2)  # <!--> is a whole one
    if not mark["tag"]:
        return _after(html, ">", mark.end())
    at = mark.end()
    while (found := TAG_OR_VALUE_END.search(html, at)) is not None:
        if found[0] == ">":
            return found.end()
        at = _after(html, found[0][-1], found.end())
    return len(html)


def _after(html: str, end: str, begin: int) -> int:
    at = html.find(end, begin)
    return at + len(end) if at >= 0 else len(html)
