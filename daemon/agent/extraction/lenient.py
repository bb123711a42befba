"""JSON as models write it: JavaScript's keys, Python's words and quotes, trailing commas.

What is exact JSON goes through the standard library. Refused in any spelling: NaN and
infinities, numbers without bound, a key that is given twice with two values.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from daemon.agent.extraction.escapes import unescape, without_lone

DEPTH_MAX = 64
DIGITS_MAX = 64
WORDS: dict[str, Any] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
    "undefined": None,
}
REFUSED_WORDS = frozenset({"NaN", "nan", "Infinity", "inf"})
SPACE = re.compile(r"\s*+")
NUMBER = re.compile(r"[+-]?+(?:\d[\d_]*+(?:\.\d*+)?|\.\d++)(?:[eE][+-]?+\d++)?(?![\w.])")
WORD = re.compile(r"[\w$][\w$./\-]*+")
UNMARKED = re.compile(r"[^,{}\[\]]*+")
BRACKETS = {"{": "}", "[": "]", "(": ")"}


class BadValue(ValueError):
    """The text is no value that may be accepted."""


def parse(text: str) -> Any:
    """The value that `text` writes, exactly or nearly in JSON; BadValue when there is none."""
    _check_depth(text)
    try:
        value = DECODER.decode(text)
    except BadValue:
        raise
    except ValueError:
        value = Lenient(text).whole()
    return without_lone(value) if "\\u" in text else value


def parse_exact(text: str) -> Any:
    """Strict JSON only, for values whose type is to be guessed from the text."""
    _check_depth(text)
    try:
        value = DECODER.decode(text)
    except ValueError as fault:
        raise BadValue(str(fault)) from None
    return without_lone(value) if "\\u" in text else value


def _check_depth(text: str) -> None:
    """A cheap bound that spares the recursive decoders; strings' brackets count too."""
    if text.count("[") + text.count("{") <= DEPTH_MAX:
        return
    depth = 0
    for found in re.finditer(r'[\[\]{}]|"[^"\\]*+(?:\\.[^"\\]*+)*"', text, re.DOTALL):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found.group(), 0)
        if depth > DEPTH_MAX:
            raise BadValue(f"nested deeper than {DEPTH_MAX}")


def integer(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise BadValue(f"a number of more than {DIGITS_MAX} digits")
    return int(text)


def real(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise BadValue("a number beyond all bounds")
    return value


def _refuse(word: str) -> Any:
    raise BadValue(f"{word} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        for key, value in pairs:
            if found[key] != value:
                raise BadValue(f"{key} is given twice")
    return found


DECODER = json.JSONDecoder(
    strict=False,
    parse_constant=_refuse,
    parse_int=integer,
    parse_float=real,
    object_pairs_hook=_once,
)


class Lenient:
    """A recursive reader over one whole text; `marks` are further quotes, as `<|"|>`."""

    def __init__(self, text: str, marks: tuple[str, ...] = (), bare: bool = True) -> None:
        self.text = text
        self.at = 0
        self.marks = marks
        self.bare = bare  # whether an unquoted word may be a string
        self.depth = 0

    def whole(self) -> Any:
        value = self.value()
        if self._next():
            raise BadValue("more text after the value")
        return value

    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """`1, b=2` up to the end of the text: the positional and the named ones."""
        listed: list[Any] = []
        named: list[tuple[str, Any]] = []
        while self._next():
            word = WORD.match(self.text, self.at)
            equals = _after_space(self.text, word.end()) if word else 0
            if word and self.text[equals : equals + 1] == "=":
                self.at = equals + 1
                named.append((word.group(), self.value()))
            elif named:
                raise BadValue("an argument without a name after named ones")
            else:
                listed.append(self.value())
            if self._next() and not self._take(","):
                raise BadValue("no comma between arguments")
        return listed, _once(named)

    def value(self) -> Any:
        char = self._next()
        if char in BRACKETS:
            self.depth += 1
            if self.depth > DEPTH_MAX:
                raise BadValue(f"nested deeper than {DEPTH_MAX}")
            self.at += 1
            found: Any = self._array(BRACKETS[char]) if char != "{" else self._braces()
            self.depth -= 1
            return found
        quoted = self._quoted()
        return quoted if quoted is not None else self._scalar()

    def _braces(self) -> dict[str, Any] | list[Any]:
        """An object; or a set, as Python has them, which becomes a list."""
        start = self.at
        if not self.bare and self._next() not in ("}", "", *BRACKETS):
            self.value()
            if self._next() in (",", "}"):
                self.at = start
                return self._array("}")
            self.at = start
        return self._object()

    def _object(self) -> dict[str, Any]:
        pairs: list[tuple[str, Any]] = []
        while not self._take("}"):
            key = self._quoted()
            if key is None:
                key = self._word()
            if not self._take(":") and not self._take("="):
                raise BadValue("no colon after a key")
            pairs.append((key, self.value()))
            if not self._take(",") and self._next() != "}":
                raise BadValue("no comma between pairs")
        return _once(pairs)

    def _array(self, close: str) -> list[Any]:
        items: list[Any] = []
        while not self._take(close):
            items.append(self.value())
            if not self._take(",") and self._next() != close:
                raise BadValue("no comma between items")
        return items

    def _quoted(self) -> str | None:
        char = self._next()
        for mark in self.marks:
            if self.text.startswith(mark, self.at):
                return self._upto(mark)
        if not char or char not in "\"'":
            return None
        if self.text.startswith(char * 3, self.at):
            return unescape(self._upto(char * 3))
        found = STRINGS[char].match(self.text, self.at)
        if not found:
            raise BadValue("a string that does not end")
        self.at = found.end()
        return unescape(found.group()[1:-1])

    def _upto(self, mark: str) -> str:
        start = self.at + len(mark)
        end = self.text.find(mark, start)
        if end < 0:
            raise BadValue("a string that does not end")
        self.at = end + len(mark)
        return self.text[start:end]

    def _scalar(self) -> Any:
        if self.marks:
            return self._unmarked()
        return self._plain()

    def _unmarked(self) -> Any:
        """Where strings have marks, what has none is plain, else a string that forgot them."""
        found = UNMARKED.match(self.text, self.at)
        bare = found.group().strip() if found else ""
        if not found or not bare:
            raise BadValue("neither a value nor a key")
        try:
            value = Lenient(bare).whole()
        except BadValue:
            value = bare
        self.at = found.end()
        return value

    def _plain(self) -> Any:
        number = NUMBER.match(self.text, self.at)
        if number:
            self.at = number.end()
            digits = number.group().replace("_", "")
            return real(digits) if set(digits) & set(".eE") else integer(digits)
        word = self._word()
        if word in REFUSED_WORDS:
            raise BadValue(f"{word} is no number")
        if word not in WORDS and not self.bare:
            raise BadValue(f"{word} is no value")
        return WORDS.get(word, word)

    def _word(self) -> str:
        self._next()
        found = WORD.match(self.text, self.at)
        if not found:
            raise BadValue("neither a value nor a key")
        self.at = found.end()
        return found.group()

    def _next(self) -> str:
        self.at = _after_space(self.text, self.at)
        return self.text[self.at : self.at + 1]

    def _take(self, char: str) -> bool:
        here = self._next() == char
        self.at += here
        return here


def _after_space(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


STRINGS = {
    '"': re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*"', re.DOTALL),
    "'": re.compile(r"'[^'\\]*+(?:\\.[^'\\]*+)*'", re.DOTALL),
}
