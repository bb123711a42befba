"""Arguments between tags: where the text of one ends, though it may hold anything."""

from __future__ import annotations

import re

from daemon.agent.extraction.source import SPACE, Source, Wait

CDATA = ("<![CDATA[", "]]>")
ATTRIBUTE = re.compile(r"""([\w:.\-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


def read_text(source: Source, closers: tuple[str, ...], nexts: tuple[str, ...]) -> Wait[str | None]:
    """Pass over an argument's text and its closing tag.

    The text may hold the closing tag itself, as code about tags does: the right one is
    followed by what may follow an argument. A model that forgot the tag goes on with
    what follows at once, on the same line or at the start of one.
    """
    start = source.at
    first: tuple[int, int] | None = None
    pattern = re.compile("|".join(map(re.escape, (*closers, *nexts))))
    while True:
        found = yield from source.find(pattern, max(map(len, (*closers, *nexts))))
        if found is None:
            if first is None:
                return None
            end, source.at = first
            return source.text[start:end]
        if found.group() not in closers:
            if _forgotten(source.text, start, found.start()):
                source.at = found.start()
                return source.text[start : found.start()]
            source.at = found.end()
            continue
        source.at = found.end()
        if (yield from follows(source, nexts)):
            source.at = found.end()
            return source.text[start : found.start()]
        first = first or (found.start(), found.end())


def _forgotten(text: str, start: int, end: int) -> bool:
    return text[end - 1] == "\n" or "\n" not in text[start:end].strip()


def follows(source: Source, options: tuple[str, ...]) -> Wait[bool]:
    """Whether one of `options` is next, or the end; the cursor stays."""
    here = source.at
    yield from source.skip(SPACE)
    ended = not (yield from source.peek())
    hit = ended or bool((yield from source.accept(*options)))
    source.at = here
    return hit


def attributes(text: str) -> dict[str, str]:
    return {one[1]: one[2] if one[2] is not None else one[3] for one in ATTRIBUTE.finditer(text)}


def closers_of(opening: str) -> tuple[str, ...]:
    """The tags that may close an opening tag, by the customs of its writing."""
    name = opening.strip()
    options = ["</" + name.removeprefix("<")]
    if name.startswith(("<|", "<｜")):
        options += [name[:2] + "/" + name[2:], "</" + name[1:], "<" + name[2:]]
    for begin, end in (
        ("begin", "end"),
        ("start", "end"),
        ("START", "END"),
        ("Begin", "End"),
        ("open", "close"),
        ("prefix", "suffix"),
    ):
        if begin in name:
            options.append(name.replace(begin, end))
    return tuple(options)


def after(source: Source, *closers: str) -> Wait[None]:
    """Pass over a closing tag, and the space before it, when one is next."""
    here = source.at
    yield from source.skip(SPACE)
    if not closers or not (yield from source.accept(*closers)):
        source.at = here


def plain(text: str) -> str:
    """The text without the mark that keeps XML from reading it."""
    inner = text.strip()
    if inner.startswith(CDATA[0]) and inner.endswith(CDATA[1]):
        return inner[len(CDATA[0]) : -len(CDATA[1])]
    return text
