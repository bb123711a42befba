"""A talk: a room's process in its cell, and the line to it; what it says is kept, then told."""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import client, doors
from ops.cell import SYSTEM_MOUNTS, Cell, Limits, Mount, python_mounts
from ops.cell import start as start_cell
from ops.errors import Exit, Failed, Refused, Trouble
from ops.files import read_bounded
from ops.layout import Layout
from ops.lease import hold
from ops.lifecycle import boot
from ops.masking import secret_variables
from ops.processes import Child, spawn
from ops.rooms import RoomFolder, shelves
from ops.sockets import LINE_BYTES_MAX, send_line

LINE_FD, MEMORY_FD = 4, 5
READY_SECONDS = 30.0
SILENT_SECONDS = 1800.0  # between two words of a room that is asked something
CHUNK_BYTES = 65536
RULES_BYTES_MAX = 2**18
INSIDE_WORKSPACE, INSIDE_SKILLS = Path("/workspace"), Path("/skills")
INSIDE_KEPT = Path("/kept")
ENTRIES = frozenset({"said", "file", "failed", "interrupted", "unproved", "plan", "end"})
Event = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """What a talk shall be: its folder, where its members work, and the first line."""

    folder: RoomFolder
    workspace: Path
    opening: Mapping[str, Any]
    program: str = "daemon.agent.room"


@dataclass
class Talk:
    """`stdin` is watched while the room speaks, when somebody may interject."""

    folder: RoomFolder
    line: socket.socket
    child: Child
    held: bytes = b""

    def send(self, do: str, **what: object) -> None:
        """Raises Failed when the room is gone."""
        try:
            send_line(self.line, {"do": do, **what})
        except OSError as error:
            raise self._ended() from error

    def events(self, touched: Callable[[], None] | None = None, stdin: int = 0) -> Iterator[Event]:
        """What the room tells, until it is idle; `touched` is called when stdin has something."""
        while True:
            watched = [self.line.fileno(), *([stdin] if touched else [])]
            ready, _, _ = select.select(watched, [], [], SILENT_SECONDS)
            if not ready:
                raise Failed(
                    f"the room was silent for {SILENT_SECONDS:g} s", "see: orgctl logs chat"
                )
            if touched is not None and stdin in ready:
                touched()
            if self.line.fileno() not in ready:
                continue
            for event in self._read():
                yield event
                if event["event"] == "idle":
                    return

    def _read(self) -> Iterator[Event]:
        chunk = self.line.recv(CHUNK_BYTES)
        if not chunk or len(self.held) > LINE_BYTES_MAX:
            raise self._ended()
        *lines, self.held = (self.held + chunk).split(b"\n")
        for raw in lines:
            try:
                event = json.loads(raw)
                name = event["event"]
            except (ValueError, TypeError, LookupError) as error:
                raise Failed("the room sent rubbish", "see: orgctl logs chat") from error
            if name == "said":
                self.folder.add(_kept(event.get("entry")))
            yield event

    def _ended(self) -> Failed:
        return Failed("the room's process ended", "see: orgctl logs chat")


def _kept(entry: object) -> Event:
    """What a room may have kept: words and ends, never who sits where, or what was approved."""
    if not isinstance(entry, dict) or "seats" in entry or entry.get("kind") not in ENTRIES:
        raise Failed("the room sent what is not its to say", "see: orgctl logs chat")
    return entry


@contextmanager
def talk(layout: Layout, wish: Wish) -> Iterator[Talk]:
    """A room that is ready. Raises Refused when org is down, or the room is in use."""
    with hold(wish.folder.lease, f"working in {wish.folder.name}"):
        pid = os.getpid()
        seats = wish.opening["seats"]
        models = [seat["model"] for seat in seats if seat["model"]]
        given = client.ask(layout, "chat.open", pid=pid, models=models)
        try:
            opening = {**wish.opening, "rules": _rules(layout), "web": given.get("web", False)}
            opening["seats"] = [_seated(seat, given) for seat in seats]
            with _running(layout, wish, given) as running:
                send_line(running.line, opening)
                _until_ready(running)
                yield running
        finally:
            with suppress(Trouble):  # a daemon that went down shut it itself
                client.ask(layout, "chat.close", pid=pid)


def _seated(seat: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """With the model it has, how much that one takes, where anybody knows, and of tools."""
    model = seat["model"] or given["model"]
    tokens = (given.get("contexts") or {}).get(model)
    known = {"context_tokens": tokens} if tokens else {}
    return {**seat, "model": model, **known, **given.get("telling", {})}


def _rules(layout: Layout) -> str:
    """The person's own rules for commands and files, beside those that ship."""
    path = layout.home / "rules.toml"
    return read_bounded(path, RULES_BYTES_MAX).decode("utf-8", "replace") if path.exists() else ""


def _until_ready(running: Talk) -> None:
    running.line.settimeout(READY_SECONDS)
    try:
        while not any(_ready(event) for event in running._read()):
            continue
    except TimeoutError as error:
        raise Failed("the room did not become ready", "see: orgctl logs chat") from error
    running.line.settimeout(None)


def _ready(event: Event) -> bool:
    """Raises Refused when the room says why it cannot be."""
    if event["event"] == "trouble":
        raise Refused(str(event["error"]), str(event["hint"]), Exit(int(event["code"])))
    return bool(event["event"] == "ready")


@contextmanager
def _running(layout: Layout, wish: Wish, given: Mapping[str, Any]) -> Iterator[Talk]:
    ours, theirs = socket.socketpair()
    cell_end, memory_end = socket.socketpair()
    log = os.open(layout.logs / "chat.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    children: list[Child] = []
    try:
        children.append(_memory(layout, wish, memory_end, log))
        cell = _cell(wish, given, {LINE_FD: theirs.fileno(), MEMORY_FD: cell_end.fileno()})
        children.append(start_cell(cell, log, log))
        for end in (theirs, cell_end, memory_end):
            end.close()
        yield Talk(wish.folder, ours, children[-1])
    finally:
        for end in (ours, theirs, cell_end, memory_end):
            end.close()
        os.close(log)
        for child in children:
            child.kill()
            child.close()


def _memory(layout: Layout, wish: Wish, end: socket.socket, log: int) -> Child:
    """The memory as the cell sees it; it ends with the cell's end of the line."""
    flags = ("--home", str(layout.home), "--origin", f"{wish.folder.kind} {wish.folder.name}")
    argv = boot("daemon.state.remember", *flags, "serve")
    # What it knows to be secret it never writes down.
    environment = {"PATH": os.environ.get("PATH", ""), **secret_variables(os.environ)}
    return spawn(argv, environment=environment, fds={LINE_FD: end.fileno()}, output=log)


def _cell(wish: Wish, given: Mapping[str, Any], fds: Mapping[int, int]) -> Cell:
    root, python = Path(given["root"]), Path(given["python"])
    door, backend = Path(given["directory"]), str(given["backend"])
    program = [Mount(Path(source), Path(target)) for source, target in given["mounts"]]
    mounts = {
        doors.INSIDE: Mount(door, doors.INSIDE),
        INSIDE_WORKSPACE: Mount(wish.workspace, INSIDE_WORKSPACE, writable=True),
        INSIDE_KEPT: Mount(wish.folder.kept, INSIDE_KEPT, writable=True),
        INSIDE_SKILLS / "room": Mount(wish.folder.skills, INSIDE_SKILLS / "room", writable=True),
    }
    for name, folder in shelves(wish.folder.home).items():
        if folder.is_dir():
            mounts[INSIDE_SKILLS / name] = Mount(folder, INSIDE_SKILLS / name)
    # Where no walls are, things are where they are.
    inside = {path: path if backend != "none" else one.source for path, one in mounts.items()}
    skills = [str(path) for name, path in inside.items() if name.parent == INSIDE_SKILLS]
    return Cell(
        argv=(str(python), "-I", str(root / "ops/boot.py"), wish.program),
        mounts=(*SYSTEM_MOUNTS, *python_mounts(python), *program, *mounts.values()),
        directory=str(inside[INSIDE_WORKSPACE]),
        environment={
            "ORG_BROKER": str(inside[doors.INSIDE] / doors.BROKER),
            "ORG_IDLE_SECONDS": str(given["idle_seconds"]),
            "ORG_KEPT": str(inside[INSIDE_KEPT]),
            "ORG_MEMORY": str(MEMORY_FD),
            "ORG_SKILLS": os.pathsep.join(skills),
        },
        limits=Limits(**given["limits"]),
        fds=fds,
        backend=backend,
    )


def chosen_workspace(folder: RoomFolder, named: Path | None) -> Path:
    """Raises Refused for what is no folder, or is the whole machine or the instance itself."""
    if named is None:
        return folder.workspace
    path = named.resolve()
    if not path.is_dir():
        raise Refused(f"{named} is no folder", "name one that is there", Exit.ABSENT)
    home = folder.home.resolve()
    if path == Path(path.anchor) or home.is_relative_to(path) or path.is_relative_to(home):
        raise Refused(f"{path} is not for agents to write in", "name a folder of a project")
    return path
