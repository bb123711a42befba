"""The machine: text goes in by pieces, parts come out as soon as they are certain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from daemon.agent.extraction import smallmodels
from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.families import FENCE_END, GRAMMARS, THINK_ENDS, THINK_STAYS
from daemon.agent.extraction.grammar import LINE, Grammar, Openers
from daemon.agent.extraction.jsoncalls import Found
from daemon.agent.extraction.shapes import Extraction, Kind, Part, gathered, merged
from daemon.agent.extraction.source import (
    CALL_CHARS_MAX,
    LOOK_CHARS_MAX,
    Source,
    TooLong,
    Wait,
)

KEPT_BEFORE_CHARS = 64  # what a beginning may look back at
COMPACT_CHARS = 100_000
AGAIN_CHARS_MIN = 65_536  # what may be read a second time, beside as much as was read once

OPENERS = Openers(GRAMMARS)
Tools = Sequence[Mapping[str, Any]] | None


class Stream:
    """`feed` what comes, `close` at the end; the parts of both, joined, are the text.

    `tools` are OpenAI schemas, None when they are not known: then any name may be a
    tool's. `family` is the model's name: it chooses between readings, but the text may
    still be in any family's grammar. With `prefilled_think` the text begins as reasoning.
    """

    call_chars_max = CALL_CHARS_MAX

    def __init__(
        self,
        tools: Tools,
        family: str | None = None,
        *,
        loose: bool = False,
        prefilled_think: bool = False,
    ) -> None:
        self._tools = Declared(tools)
        self._model = (family or "").lower()
        self._loose = smallmodels.Reader(self._tools) if loose else None
        self._source = Source(self.call_chars_max)
        self._out: list[Part] = []
        self._space = ""  # between content and what comes next, not yet known to be inside
        self._begun = False  # whether any content has gone out
        self._called = False
        self._passed = 0  # characters that the source has let go of
        self._again = 0  # characters that were read in vain and went back
        self._machine = self._run(prefilled_think)
        next(self._machine, None)

    def feed(self, piece: str) -> list[Part]:
        if self._source.closed:
            raise ValueError("fed after its end")
        self._source.append(piece)
        return self._go_on()

    def close(self) -> list[Part]:
        self._source.closed = True
        return self._go_on()

    def _go_on(self) -> list[Part]:
        next(self._machine, None)
        out, self._out = self._out, []
        return merged(out)

    def _run(self, prefilled_think: bool) -> Wait[None]:
        if prefilled_think:
            yield from self._reasoning(THINK_ENDS)
        yield from self._head()
        while (yield from self._plain()):
            pass
        if self._loose and not self._called:
            self._emit("call", "", Found(calls=self._loose.calls()))
        self._emit_raw("markup", self._space)

    def _head(self) -> Wait[None]:
        """What only counts where the text begins."""
        for grammar in GRAMMARS:
            if grammar.head is not None:
                yield from self._attempt(grammar, self._source.at, "")

    def _plain(self) -> Wait[bool]:
        """Content up to the next beginning, and what it begins; False at the end."""
        source = self._source
        while (found := OPENERS.find(source, self._tools)) is None:
            self._content(OPENERS.sure_to(source))
            if not (yield from self._more()):
                return False
        match, grammar = found
        self._content(match.start())
        source.at = match.end()
        yield from self._attempt(grammar, match.start(), match.group())
        return True

    def _attempt(self, grammar: Grammar, start: int, opening: str) -> Wait[None]:
        """Read one call; else let the cursor stand where the search goes on, as content."""
        source = self._source
        source.block = start
        source.hinted = any(model in self._model for model in grammar.models)
        read = grammar.read if opening else grammar.head
        try:
            found = (yield from read(source, self._tools, opening)) if read else None
        except TooLong:
            found, source.at = None, start + source.limit
        if source.at - start > source.limit - LOOK_CHARS_MAX:
            found, source.at = None, start + source.limit
        if not opening and not (found and (found.calls or found.silent or found.thinks)):
            source.at = start
        elif found is None:
            self._resume(start)
        else:
            yield from self._take(start, found)

    def _resume(self, start: int) -> None:
        """After a reading in vain go back, as long as the whole stays linear."""
        source = self._source
        end = min(source.at, len(source.text))
        source.at = max(end, start + 1)
        if self._again + end - start <= self._passed + start + AGAIN_CHARS_MIN:
            self._again += end - start
            source.at = start + 1
        self._write(start, source.at)

    def _take(self, start: int, found: Found) -> Wait[None]:
        source = self._source
        raw = source.text[start : source.at]
        if found.fenced:
            self._write(start, source.at, found)
            yield from self._fenced(_fence(found.fenced))
        elif found.thinks:
            self._emit("markup", raw)
            yield from self._reasoning(found.thinks)
            if not self._begun and not self._called:
                yield from self._head()
        elif found.calls and (yield from self._in_code(start)):
            self._write(start, source.at)
        elif found.calls:
            self._called = True
            self._emit("call", raw, found)
        elif found.silent:
            self._emit("markup", raw)
        else:
            self._write(start, source.at, found)

    def _in_code(self, start: int) -> Wait[bool]:
        """Whether one backtick stands before it and one after it: then it is only shown."""
        source = self._source
        before = source.text[max(0, start - 2) : start]
        if not before.endswith("`") or before == "``":
            return False
        after = yield from source.peek(2)
        return after.startswith("`") and after != "``"

    def _reasoning(self, closers: tuple[str, ...]) -> Wait[None]:
        source = self._source
        ends = _ends(closers)
        while True:
            found = ends.find(source)
            end = found[0].start() if found else ends.sure_to(source)
            thought, source.at = source.text[source.at : end], end
            self._emit("reasoning", thought)
            if found is None:
                if not (yield from self._more()):
                    return
                continue
            if found[0].group() not in THINK_STAYS:
                source.at = found[0].end()
                self._emit("markup", found[0].group())
            return

    def _fenced(self, fence: Openers) -> Wait[None]:
        """What must not be read is content up to its end."""
        source = self._source
        while (found := fence.find(source)) is None:
            self._content(fence.sure_to(source))
            if not (yield from self._more()):
                return
        self._content(found[0].end())

    def _more(self) -> Wait[bool]:
        """Let go of what was read, and wait."""
        source = self._source
        if source.at > COMPACT_CHARS:
            cut = source.at - KEPT_BEFORE_CHARS
            source.drop(cut)
            self._passed += cut
        source.block = source.at
        if source.closed:
            return False
        yield
        return True

    def _content(self, end: int) -> None:
        self._write(self._source.at, end)
        self._source.at = max(self._source.at, end)

    def _write(self, start: int, end: int, found: Found | None = None) -> None:
        """Content, but for the space around all of it, which is markup."""
        text = self._source.text[start:end]
        inner = text.strip()
        if not inner:
            self._space += text
            return
        lead = len(text) - len(text.lstrip())
        before, self._space = self._space + text[:lead], text[lead + len(inner) :]
        self._emit_raw("content" if self._begun else "markup", before)
        self._begun = True
        self._emit_raw("content", inner, found)
        if self._loose:
            self._loose.see(before + inner)

    def _emit(self, kind: Kind, text: str, found: Found | None = None) -> None:
        if text or (found and found.calls):
            space, self._space = self._space, ""
            self._emit_raw("markup", space)
            self._emit_raw(kind, text, found)
            self._source.plain, self._source.marked = self._source.at, True

    def _emit_raw(self, kind: Kind, text: str, found: Found | None = None) -> None:
        found = found or Found()
        if text or found.calls:
            self._out.append(Part(kind, text, found.calls, found.faults))


@lru_cache(maxsize=64)
def _ends(closers: tuple[str, ...]) -> Openers:
    stays = tuple((one,) for one in (*closers, *THINK_STAYS))
    return Openers([Grammar("end", stays, _unread)])


def _unread(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    return None
    yield


@lru_cache(maxsize=64)
def _fence(end: str) -> Openers:
    return Openers([Grammar("fence", ((LINE, end) if end == FENCE_END else (end,),), _unread)])


def extract(
    text: str,
    tools: Tools,
    family: str | None = None,
    *,
    loose: bool = False,
    prefilled_think: bool = False,
) -> Extraction:
    """All of a text at once: the same machine, fed once."""
    stream = Stream(tools, family, loose=loose, prefilled_think=prefilled_think)
    return gathered([*stream.feed(text), *stream.close()])
