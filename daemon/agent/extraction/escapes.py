"""Escapes in strings, and the halves of characters that must not get behind us."""

from __future__ import annotations

import re
from typing import Any

LONE = re.compile("[\ud800-\udfff]")
PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\n": ""}
PLAIN_ESCAPES = frozenset("\"'\\/`")


def without_lone(value: Any) -> Any:
    """Half a character, once in an argument, would break every encoder behind us."""
    if isinstance(value, str):
        return LONE.sub("\ufffd", value)
    if isinstance(value, list):
        return [without_lone(one) for one in value]
    if isinstance(value, dict):
        return {without_lone(key): without_lone(one) for key, one in value.items()}
    return value


def unescape(text: str) -> str:
    if "\\" not in text:
        return text
    joined = ESCAPE.sub(_unescaped, text)
    joined = PAIR.sub(
        lambda two: two.group().encode("utf-16", "surrogatepass").decode("utf-16"), joined
    )
    return LONE.sub("\ufffd", joined)


def _unescaped(found: re.Match[str]) -> str:
    code = found.group(1) or found.group(2)
    if code:
        return chr(int(code, 16))
    char = found.group(3)
    if char in PLAIN_ESCAPES:
        return char
    return ESCAPED.get(char, "\\" + char)
