"""A chat as people see it: banners white on black, words as they come, tools when asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ops.render import line, safe
from ops.talk import Event, Talk

WHITE_ON_BLACK, PLAIN = "\x1b[97;40m", "\x1b[0m"
SHOWN_CHARS_MAX = 2_000
ESCAPE, INTERRUPT = b"\x1b", b"\x03"
BACKSPACES = "\x7f\b"
KEYS_BYTES = 4096  # read at once; a paste may be long
HELP = """/mode group | direct:NAME | file:PATH   where your words go
/tools     show or hide what tools say
/who       who is here
/quit      leave (the room is kept)
@name calls one member, @all everybody. Esc or Ctrl-C while they speak: take the word."""


def coloured() -> bool:
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


@dataclass
class Chat:
    """One person's view of a talk; `known` entries were said before."""

    talk: Talk
    show_tools: bool
    known: int = 0
    mode: str = "group"
    entries: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    quiet: bool = False
    midline: bool = False
    streamed: bool = False
    typed: str = ""  # while they spoke; it is the beginning of what is said next

    # For scripts

    def scripted(self, texts: list[str], quiet: bool) -> dict[str, Any]:
        """Say each, hear all answers; what was said is the result."""
        self.quiet = quiet
        for text in texts:
            self.talk.send("say", text=text)
            for event in self.talk.events():
                self._show(event)
        tokens = sum(int(entry.get("tokens") or 0) for entry in self.entries)
        return {
            "room": self.talk.folder.name,
            "ok": not self.failures,
            "messages": self.entries,
            "failures": self.failures,
            "tokens": tokens,
        }

    # For people

    def on_terminal(self) -> None:
        """Until the person leaves."""
        resumed = f", {self.known} messages so far" if self.known else ""
        self._banner(f"room {self.talk.folder.name}{resumed} · /help")
        with suppress(EOFError, KeyboardInterrupt):
            while (text := self._asked()) is not None:
                if text.startswith("/"):
                    self._command(text)
                elif text:
                    self._said(text)
        print()
        print(f"go on with: orgctl chat --room {self.talk.folder.name}")

    def _asked(self) -> str | None:
        import readline

        prompt = f"{self.mode}> "
        line_typed, ended, rest = self.typed.partition("\n")
        if ended:
            print(prompt + line(line_typed))
            text, self.typed = line_typed, rest
        else:
            self.typed = ""
            readline.set_startup_hook(lambda: readline.insert_text(line_typed))
            try:
                text = input(prompt)
            finally:
                readline.set_startup_hook(None)
        return None if text.strip() in ("/quit", "/q") else text.strip()

    def _said(self, text: str) -> None:
        self.talk.send("say", text=text)
        with _keys() as descriptor:

            def touched() -> None:
                keys = os.read(descriptor, KEYS_BYTES)
                if keys[:1] in (ESCAPE, INTERRUPT):
                    self.talk.send("interject")
                else:
                    self.typed = _typed(self.typed, keys)

            for event in self.talk.events(touched, descriptor):
                self._show(event)

    def _command(self, text: str) -> None:
        word, _, rest = text[1:].partition(" ")
        if word == "mode" and rest:
            self.talk.send("mode", mode=rest.strip())
            for event in self.talk.events():
                self._show(event)
        elif word == "tools":
            self.show_tools = not self.show_tools
            self._banner(f"tools are {'shown' if self.show_tools else 'hidden'}")
        elif word == "who":
            self.talk.send("who")
            for event in self.talk.events():
                self._show(event)
        else:
            print(HELP)

    # What is seen

    def _show(self, event: Event) -> None:
        kind = event["event"]
        if kind == "said":
            self._keep(event["entry"])
        elif kind == "mode":
            self.mode = line(event["mode"])
        elif kind == "trouble":
            self.failures.append(line(event["error"]))
        if not self.quiet:
            self._draw(kind, event)

    def _keep(self, entry: Mapping[str, Any]) -> None:
        self.entries.append(dict(entry))
        if entry.get("kind") == "unproved":
            self.failures.append(f"{line(entry['who'])} claims what nothing shows")
        if entry.get("kind") == "failed":
            self.failures.append(f"{line(entry['who'])}: {line(entry['text'])}")

    def _draw(self, kind: str, event: Event) -> None:
        if kind == "speaks":
            self._banner(f"{event['who']} · {event['model']}")
            self.streamed = False
        elif kind == "delta":
            self._stream(safe(event["text"]))
        elif kind == "said":
            self._draw_entry(event["entry"])
        elif kind in ("call", "result") and self.show_tools:
            self._draw_tool(kind, event)
        elif kind == "again":
            self._banner(f"{event['who']} is asked again: {event['why']}")
        elif kind == "anew":
            self._banner(f"{event['who']} was cut off, and says it once more")
        elif kind == "mode":
            self._banner(f"mode {self.mode}")
        elif kind == "seats":
            for seat in event["seats"]:
                self._banner(f"{seat['name']} · {seat['model']}")
        elif kind == "trouble":
            self._banner(f"{event['error']}: {event['hint']}")

    def _draw_entry(self, entry: Mapping[str, Any]) -> None:
        kind = entry.get("kind")
        if kind == "said" and entry["who"] != "you" and not self.streamed:
            self._stream(safe(entry["text"]))
        self._newline()
        if kind in ("file", "failed"):
            self._banner(f"{entry['who']}: {entry['text']}")
        elif kind == "unproved":
            self._banner(f"{entry['who']} claims this, and nothing shows it")
        elif kind == "interrupted":
            self._banner(f"{entry['who']} was interrupted")

    def _draw_tool(self, kind: str, event: Event) -> None:
        if kind == "call":
            self._banner(f"{event['who']} → {event['tool']} {line(event['arguments'], 100)}")
        else:
            print(safe(event["text"])[:SHOWN_CHARS_MAX])

    def _stream(self, text: str) -> None:
        print(text, end="", flush=True)
        self.midline = not text.endswith("\n")
        self.streamed = True

    def _newline(self) -> None:
        if self.midline:
            print(flush=True)
            self.midline = False

    def _banner(self, text: str) -> None:
        self._newline()
        shown = line(text)
        told = f"{WHITE_ON_BLACK} {shown} {PLAIN}" if coloured() else f"── {shown} ──"
        print(told, flush=True)


def _typed(before: str, keys: bytes) -> str:
    """What stands there after these keys; a character cut in two is left out."""
    for char in keys.decode("utf-8", "ignore"):
        if char in BACKSPACES:
            before = before[:-1]
        elif char.isprintable() or char == "\n":
            before += char
    return before


@contextmanager
def _keys() -> Iterator[int]:
    """Single keys of the terminal, without echo; its state comes back afterwards."""
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSADRAIN)
        quiet = termios.tcgetattr(descriptor)
        quiet[3] &= ~termios.ISIG  # Ctrl-C is a key here
        termios.tcsetattr(descriptor, termios.TCSADRAIN, quiet)
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
