"""A room's own folder: who sits there, what was said, and the workspace of its members.

`transcript.jsonl` is only added to: a line with `seats` furnishes the room anew, every other
line is an entry. A line that was torn by a power cut is the last one, and is left out.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.errors import Exit, Failed, Refused
from ops.layout import Layout
from ops.masking import mask_at
from ops.sockets import LINE_BYTES_MAX

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")
ENTRIES_MAX = 400  # the newest, that a resumed room is told
Json = dict[str, Any]


def shelves(home: Path) -> dict[str, Path]:
    """Where an instance's tools are: the user's own files, and the skills that were promoted."""
    return {"tools": home / "tools", "promoted": home / "state/skills"}


def fresh_name() -> str:
    return time.strftime("%Y%m%d-%H%M%S")


@dataclass(frozen=True)
class RoomFolder:
    """`state/rooms/<name>` of an instance, or `state/runs/<name>` of a team's work."""

    path: Path

    @classmethod
    def at(cls, home: Path, name: str) -> RoomFolder:
        """Raises Refused for a name that is no plain one."""
        return cls.named(Layout(home), name)

    @classmethod
    def named(cls, layout: Layout, name: str, kind: str = "rooms") -> RoomFolder:
        """Raises Refused for a name that is no plain one."""
        if not NAME.fullmatch(name):
            raise Refused(f"{name!r} cannot be a name", "use letters, digits, - _ and .")
        if not layout.state.is_dir():
            text = f"no instance at {layout.home}"
            raise Refused(text, "make one with: orgctl init", Exit.DOWN)
        return cls(layout.state / kind / name)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def kind(self) -> str:
        """`room` or `run`."""
        return self.path.parent.name.removesuffix("s")

    @property
    def home(self) -> Path:
        return self.path.parents[2]

    @property
    def transcript(self) -> Path:
        return self.path / "transcript.jsonl"

    @property
    def workspace(self) -> Path:
        return self.path / "workspace"

    @property
    def skills(self) -> Path:
        return self.path / "skills"

    @property
    def kept(self) -> Path:
        """What its tools keep as evidence."""
        return self.path / "kept"

    @property
    def lease(self) -> Path:
        return self.path / "lease"

    def make(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.workspace.mkdir(mode=0o700, exist_ok=True)
        self.skills.mkdir(mode=0o700, exist_ok=True)
        self.kept.mkdir(mode=0o700, exist_ok=True)

    def read(self) -> tuple[Json | None, list[Json]]:
        """How the room was furnished last (None: never), and the newest entries."""
        furnished: Json | None = None
        entries: list[Json] = []
        if not self.transcript.exists():
            return None, []
        with self.transcript.open("rb") as lines:
            while raw := lines.readline(LINE_BYTES_MAX):
                found = _object(raw)
                if found is None:
                    continue
                if "seats" in found:
                    furnished = found
                else:
                    entries = [*entries, found][-ENTRIES_MAX:]
        return furnished, entries

    def add(self, line: Mapping[str, Any]) -> None:
        """Kept once this returns, whatever happens after; secrets are masked. Raises Failed."""
        masked = mask_at(self.home / "state").inside(line)
        raw = json.dumps({**masked, "at": time.time()}).encode() + b"\n"
        if len(raw) > LINE_BYTES_MAX:  # it could not be read again
            text = f"{self.transcript}: more than {LINE_BYTES_MAX // 2**20} MiB in one entry"
            raise Failed(text, "say it in smaller pieces")
        try:
            _append(self.transcript, raw)
        except OSError as error:
            text = f"{self.transcript} cannot be written: {error.strerror}"
            raise Failed(text, "see: orgctl doctor") from error


def _append(path: Path, raw: bytes) -> None:
    """All of it, on the disk."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        left = b"\n" * _torn(path) + raw
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _object(raw: bytes) -> Json | None:
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _torn(path: Path) -> bool:
    """Whether the last line lacks its end."""
    with path.open("rb") as source:
        if source.seek(0, os.SEEK_END) == 0:
            return False
        source.seek(-1, os.SEEK_END)
        return source.read(1) != b"\n"
