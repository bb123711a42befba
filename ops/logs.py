"""The logs of an instance, made safe for a terminal, and followed."""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Iterator
from pathlib import Path

from ops.errors import Exit, Refused
from ops.layout import Layout
from ops.render import line_of_log, safe

TAIL_BYTES = 64 * 2**10
TAIL_LINES = 200
LINE_BYTES_MAX = 2**20
POLL_SECONDS = 0.2
NAMES = (
    "supervisor",
    "keeper",
    "broker",
    "current",
    "candidate",
    "agents",
    "gates",
    "jury",
    "author",
    "chat",
)


def path_of(layout: Layout, name: str) -> Path:
    """Raises Refused when there is no such log."""
    if name not in NAMES:
        raise Refused(f"no log {name!r}", f"logs are: {', '.join(NAMES)}", Exit.ABSENT)
    return layout.logs / f"{name}.log"


def tail(path: Path) -> tuple[list[str], int]:
    """The last whole lines, and where the next one begins."""
    if not path.exists():
        return [], 0
    with path.open("rb") as log:
        size = log.seek(0, 2)
        log.seek(max(0, size - TAIL_BYTES))
        data = log.read()
    *lines, begun = data.split(b"\n")  # on nothing else: other line ends can be forged
    if len(data) < size:
        lines = lines[1:]  # its beginning was not read
    return [_text(line) for line in lines[-TAIL_LINES:]], size - len(begun)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")


def follow(path: Path, at: int) -> Iterator[str]:
    """New lines for ever; a log that was cut or replaced is read from its start."""
    held = b""
    while True:
        size = path.stat().st_size if path.exists() else 0
        if size < at:
            at, held = 0, b""
        if size > at:
            with path.open("rb") as log:
                log.seek(at)
                held += log.read(TAIL_BYTES)
                at = log.tell()
            *lines, held = held.split(b"\n")
            if len(held) > LINE_BYTES_MAX:
                lines, held = [*lines, held], b""
            yield from (_text(line) for line in lines)
        else:
            select.select([], [], [], POLL_SECONDS)  # a log file has no event to wait for


def show(layout: Layout, name: str, follows: bool, as_json: bool = False) -> None:
    """Print it; with `as_json` one object a line. Raises Refused when there is no such log."""
    if not layout.instance.exists():
        raise Refused(f"no instance at {layout.home}", "make one with: orgctl init", Exit.ABSENT)
    path = path_of(layout, name)
    shown = _record if as_json else _readable
    lines, at = tail(path)
    for line in lines:
        print(shown(line))
    if not follows:
        if not lines:
            print(f"logs/{name}.log is empty", file=sys.stderr)
        return
    sys.stdout.flush()
    for line in follow(path, at):
        print(shown(line), flush=True)


def _readable(line: str) -> str:
    return safe(line_of_log(line))


def _record(line: str) -> str:
    """The line's own object, or one that holds its text."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    return json.dumps(found if isinstance(found, dict) else {"text": line})
