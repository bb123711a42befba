"""A guest of a test's own: booted, asked, cut off from power, and gone afterwards."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ops.errors import Trouble
from tests.journeys.instance import free_port
from vm import life
from vm.guest_line import COMMAND_SECONDS, GuestLine, Said
from vm.qemu import EXEC, SERIAL, Machine

ANSWER_SECONDS = 60.0  # an emulated guest on a busy machine
UNTIL_SECONDS = 240.0
POLL_SECONDS = 0.5


@dataclass
class Guest:
    machine: Machine

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.machine.ports[0]}"

    def boot(self) -> dict[str, Any]:
        return life.up(self.machine)

    def run(self, command: str, seconds: float = COMMAND_SECONDS) -> Said:
        """A shell command line, as root."""
        with GuestLine(self.machine.folder / EXEC) as line:
            return line.run(["sh", "-c", command], seconds)

    def must(self, command: str, seconds: float = COMMAND_SECONDS) -> str:
        said = self.run(command, seconds)
        assert said.code == 0, f"{command}: {said.code}\n{said.out[-3000:]}\n{said.err[-3000:]}"
        return said.out.strip()

    def json(self, command: str, seconds: float = COMMAND_SECONDS) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.must(command, seconds))
        return found

    def until(self, command: str, seconds: float = UNTIL_SECONDS) -> str:
        """Try until it succeeds."""
        deadline = time.monotonic() + seconds
        while (said := self.run(command)).code != 0:
            assert time.monotonic() < deadline, f"{command}: {said.out}{said.err}"
            time.sleep(POLL_SECONDS)
        return said.out.strip()

    def health(self) -> dict[str, Any]:
        """As the host sees it, through the forwarded port."""
        found: dict[str, Any] = httpx.get(
            f"{self.url}/healthz", timeout=ANSWER_SECONDS, trust_env=False
        ).json()
        return found

    def agrees(self) -> None:
        """main, tag, journal, what serves and what git says tell one story."""
        status = self.json("orgctl status --json")
        serves = status["slots"]["current"]["commit"]
        assert self.health()["commit"] == serves
        tree = "git --git-dir=/var/lib/org/repo.git -c safe.directory='*' rev-parse"
        one, other = (self.must(f"{tree} '{oid}^{{tree}}'") for oid in (status["main"], serves))
        assert one == other
        assert self.json("orgctl verify --json", 120.0)["problems"] == []

    def serial(self) -> str:
        return (self.machine.folder / SERIAL).read_text(errors="replace")[-3000:]


@contextmanager
def guest(folder: Path, image: Path, model: str = "", restricted: bool = True) -> Iterator[Guest]:
    """Booted while inside; whatever happens, its QEMU is gone afterwards."""
    folder.mkdir(parents=True)
    ports = (free_port(), free_port())
    made = Guest(Machine(folder, image, ports, model, restricted=restricted))
    try:
        print(json.dumps(made.boot()))
        yield made
    except Trouble:
        print(made.serial())
        raise
    finally:
        with suppress(Trouble):
            life.down(folder, force=True)
