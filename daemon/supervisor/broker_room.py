"""Where the supervisor and a broker of another user meet: a socket, doors, and lent files.

As a service of its own (systemd/org-broker.service) the broker may not enter the home. Both
may write to the folders of this room: its group is the broker's, and new folders inherit it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.supervisor.channel import Channel
from ops.sockets import connect_unix

VARIABLE = "ORG_BROKER_ROOM"
CONNECT_SECONDS = 10.0
LENT = ("replay", "record")


@dataclass
class Room:
    """`back` maps a lent file to the file that its bytes return to."""

    path: Path
    back: dict[Path, Path] = field(default_factory=dict)

    @classmethod
    def find(cls) -> Room | None:
        """None where the broker is the supervisor's own child."""
        named = os.environ.get(VARIABLE)
        return cls(Path(named)) if named else None

    async def join(self) -> Channel:
        """A line to the service; it waits in the socket's backlog while that one starts."""
        connected = connect_unix(self.path / "admin.sock", CONNECT_SECONDS)
        return await Channel.over(connected)

    def door(self, name: str) -> Path:
        directory = self.path / "doors" / name
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o770)  # whatever our umask says: the broker binds its socket here
        return directory

    def lend(self, name: str, limits: Mapping[str, Any]) -> dict[str, Any]:
        """The limits with each file named by a copy that the broker may read and write."""
        lent = dict(limits)
        for key in LENT:
            if limits.get(key):
                lent[key] = str(self._copy(name, key, Path(str(limits[key]))))
        return lent

    def _copy(self, name: str, key: str, wanted: Path) -> Path:
        copy = self.path / "spool" / f"{name}.{key}"
        copy.write_bytes(wanted.read_bytes() if wanted.exists() else b"")
        copy.chmod(0o660)
        if key == "record":
            self.back[copy] = wanted
        return copy

    def take_back(self, name: str) -> None:
        """What was recorded goes where it was wanted; nothing lent to `name` is left."""
        for key in LENT:
            copy = self.path / "spool" / f"{name}.{key}"
            wanted = self.back.pop(copy, None)
            if wanted is not None and copy.exists():
                wanted.write_bytes(copy.read_bytes())
            copy.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Folders of doors that are closed already."""
        for left in (self.path / "doors").iterdir():
            if not any(one.is_socket() for one in left.iterdir()):
                shutil.rmtree(left)
