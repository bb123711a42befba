"""The text as far as it has come, read from a cursor that waits for the rest.

Readers are generators: they yield when they need text that has not come yet, and
go on where they stood when it has. So nothing is read twice because it came in
pieces, and one shot is the same as any split.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")
Wait = Generator[None, None, T]

CALL_CHARS_MAX = 2_000_000  # a call that is longer is text
LOOK_CHARS_MAX = 64  # no reader looks further past what it takes
HEADER_CHARS_MAX = 300  # names, attributes: what stands in one tag

SPACE = re.compile(r"\s*+")
NAME = re.compile(r"[\w.\-/]*+")


class TooLong(Exception):
    """The reader wants more text than a call may have."""


class Source:
    def __init__(self, call_chars_max: int = CALL_CHARS_MAX) -> None:
        self.limit = call_chars_max
        self.text = ""
        self.at = 0
        self.block = 0  # where the call that is being read began
        self.plain = 0  # where the content began that stands before the block
        self.marked = False  # whether it followed markup
        self.closed = False
        self.hinted = False  # whether the model's name chose the grammar that is reading
        self.printed = False  # whether calls may stand inside print()
        self.fence_open = False  # in a block of code whose content is read

    def on_a_line_of_its_own(self) -> bool:
        """Whether only space stands before the block, on its line or since other markup."""
        before = self.text[max(0, self.plain, self.block - LOOK_CHARS_MAX) : self.block]
        return not before.rpartition("\n")[2].strip()

    def right_after_markup(self) -> bool:
        """Whether only a little space stands between other markup and the block."""
        near = self.marked and self.block - self.plain <= LOOK_CHARS_MAX
        return near and not self.text[max(0, self.plain) : self.block].strip()

    def drop(self, count: int) -> None:
        """Let go of the first characters."""
        self.text = self.text[count:]
        self.at -= count
        self.plain -= count

    def append(self, piece: str) -> None:
        # With one reference only, += grows the string in place: linear, not quadratic.
        text, self.text = self.text, ""
        text += piece
        self.text = text

    def more(self) -> Wait[bool]:
        """Wait for more text; False when there will be none."""
        if self.closed:
            return False
        if len(self.text) - self.block > self.limit:
            raise TooLong
        yield
        return True

    def skip(self, run: re.Pattern[str]) -> Wait[str]:
        """Pass over a run of characters; `run` must also match every part of what it matches."""
        start = self.at
        while True:
            found = run.match(self.text, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.text) or not (yield from self.more()):
                return self.text[start : self.at]

    def peek(self, count: int = 1) -> Wait[str]:
        while len(self.text) - self.at < count and (yield from self.more()):
            pass
        return self.text[self.at : self.at + count]

    def accept(self, *options: str) -> Wait[str]:
        """Pass over the longest option that stands here, and return it; "" for none."""
        longest = max(map(len, options))
        while True:
            rest = self.text[self.at : self.at + longest]
            hit = max((one for one in options if rest.startswith(one)), key=len, default="")
            open_still = any(
                len(one) > max(len(hit), len(rest)) and one.startswith(rest) for one in options
            )
            if not open_still or not (yield from self.more()):
                self.at += len(hit)
                return hit

    def until(self, *stops: str, limit: int = CALL_CHARS_MAX) -> Wait[tuple[str, str] | None]:
        """Pass over the text up to the first stop and the stop; None when it does not come."""
        found = yield from self.find(_any_of(stops), max(map(len, stops)), limit)
        if found is None:
            return None
        before, start = self.text[self.at : found.start()], found.end()
        self.at = start
        return before, found.group()

    def rest(self, *stops: str) -> Wait[str]:
        """Pass over the text up to the first stop, which stays, or to the end."""
        start = self.at
        ended = yield from self.until(*stops)
        if ended is not None:
            self.at -= len(ended[1])
        return self.text[start : self.at]

    def find(
        self, pattern: re.Pattern[str], width: int, limit: int = CALL_CHARS_MAX
    ) -> Wait[re.Match[str] | None]:
        """The first match of `pattern` (at most `width` long) from the cursor, which stays."""
        start = seek = self.at
        while True:
            found = pattern.search(self.text, seek, start + limit + width)
            if found and found.start() - start <= limit:
                return found
            seek = max(seek, len(self.text) - width + 1)
            if found or seek - start > limit or not (yield from self.more()):
                self.at = min(len(self.text), start + limit)
                return None


@lru_cache(maxsize=256)
def _any_of(stops: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, stops)))
