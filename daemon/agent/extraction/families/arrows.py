"""MiniMax when it forgets its own tags: `[TOOL_CALL] {tool => "NAME", args => { --KEY value }}`."""

from __future__ import annotations

import json
import re

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import SPACES, Grammar
from daemon.agent.extraction.jsoncalls import Found, found
from daemon.agent.extraction.source import Source, Wait

END = "[/TOOL_CALL]"
WHOLE = re.compile(
    r"""\s*"(?P<name>[\w.\-]{1,128})"\s*,\s*args\s*=>\s*\{(?P<args>.*)\}\s*\}\s*\Z""", re.DOTALL
)
ARGUMENT = re.compile(
    r"""\s*--(?P<key>[\w.\-]{1,80})[ \t]+(?P<value>"(?:[^"\\]|\\.)*"|[^\n]*+)""", re.DOTALL
)


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    whole = yield from source.until(END)
    shape = WHOLE.match(whole[0]) if whole else None
    if shape is None:
        return None
    texts, at, rest = [], 0, shape["args"]
    while one := ARGUMENT.match(rest, at):
        texts.append((one["key"], _plain(one["value"])))
        at = one.end()
    if rest[at:].strip():
        return None
    return found([tools.call_from_texts(shape["name"], texts)])


def _plain(text: str) -> str:
    """A quoted value is JSON's string, when it is one."""
    text = text.strip().removesuffix(",")
    try:
        value = json.loads(text, strict=False) if text.startswith('"') else text
    except ValueError:
        return text[1:-1]
    return str(value)


GRAMMAR = Grammar("arrows", (("[TOOL_CALL]", SPACES, "{tool =>"),), read, ("minimax",))
