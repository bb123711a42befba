"""The memory as a process: one verb for orgctl, or a line for the agents of a cell.

A cell is given one end of a socket pair and no file: it may store and search, it cannot say
where a memory comes from, and it cannot make anything be forgotten.
"""

from __future__ import annotations

import argparse
import json
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from io import BufferedRWPair
from pathlib import Path
from typing import Any

from daemon.state.memory import FOUND_MAX, Memories, Memory
from ops.errors import Failed, Refused, Trouble
from ops.layout import Layout

LINE_FD = 4
LINE_BYTES_MAX = 2**16
STORED_MAX = 200  # by one cell
Json = dict[str, Any]
Verbs = Mapping[str, Callable[[Json], Json]]


def main(argv: list[str]) -> int:
    flags = _flags(argv)
    try:
        memories = Memories.open(_file(flags.home))
        if flags.verb == "serve":
            serve(socket.socket(fileno=LINE_FD), memories, flags.origin)
        else:
            print(json.dumps(_answer(memories, flags)))
    except sqlite3.Error as error:
        print(json.dumps(Failed(f"the memory failed: {error}", "try again").as_json()))
    except Trouble as trouble:
        print(json.dumps(trouble.as_json()))
        return int(trouble.code)
    return 0


def _flags(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="daemon.state.remember")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--origin", default="you")
    parser.add_argument("--limit", type=int, default=5)
    parser.add_argument("--way", choices=("both", "text", "vectors"), default="both")
    parser.add_argument("verb", choices=("store", "search", "list", "forget", "serve"))
    parser.add_argument("--word", default="")
    return parser.parse_args(argv)


def _file(home: Path) -> Path:
    layout = Layout(home)
    if not layout.state.is_dir():
        raise Refused(f"no instance at {home}", "make one with: orgctl init")
    return layout.state / "memory.db"


def _answer(memories: Memories, flags: argparse.Namespace) -> Json:
    if flags.verb == "store":
        return memories.store(flags.word, flags.origin).model_dump()
    if flags.verb == "forget":
        return memories.forget(flags.word).model_dump()
    if flags.verb == "search":
        return _found(memories.search(flags.word, flags.limit, flags.way))
    return _found(memories.newest(flags.limit))


def _found(several: list[Memory]) -> Json:
    return {"memories": [one.model_dump() for one in several]}


def serve(line: socket.socket, memories: Memories, origin: str) -> None:
    """Answer what a cell asks, until it is gone; the origin is ours, the name in it the cell's."""
    stored = 0

    def store(asked: Json) -> Json:
        nonlocal stored
        stored += 1
        if stored > STORED_MAX:
            raise Refused(f"{STORED_MAX} memories are enough for one talk", "search instead")
        who = str(asked.get("who", ""))[:32]
        return memories.store(str(asked.get("text", "")), f"{origin}, {who}").model_dump()

    def search(asked: Json) -> Json:
        limit = min(int(asked.get("limit", 5)), FOUND_MAX)
        return _found(memories.search(str(asked.get("query", "")), limit))

    with line, line.makefile("rwb") as stream:
        answer(stream, {"store": store, "search": search})


def answer(stream: BufferedRWPair, verbs: Verbs) -> None:
    for raw in _lines(stream):
        stream.write(json.dumps(_heard(verbs, raw)).encode() + b"\n")
        stream.flush()


def _lines(stream: BufferedRWPair) -> Iterator[bytes]:
    """Nothing stands for a line that is too long, which is one question all the same."""
    while raw := stream.readline(LINE_BYTES_MAX):
        whole = raw.endswith(b"\n")
        while raw and not raw.endswith(b"\n"):
            raw = stream.readline(LINE_BYTES_MAX)
        yield raw if whole else b""


def _heard(verbs: Verbs, raw: bytes) -> Json:
    """The answer, with the number of its question; None where that is not known."""
    try:
        asked = dict(json.loads(raw))
    except (ValueError, TypeError, RecursionError):
        return {**Refused("that is no request").as_json(), "question": None}
    return {**_answered(verbs, asked), "question": asked.get("question")}


def _answered(verbs: Verbs, asked: Json) -> Json:
    try:
        return verbs[str(asked["do"])](asked)
    except Trouble as trouble:
        return trouble.as_json()
    except (ValueError, TypeError, LookupError, OverflowError):
        return Refused("that is no request").as_json()
    except sqlite3.Error as error:
        return Failed(f"the memory failed: {error}").as_json()
