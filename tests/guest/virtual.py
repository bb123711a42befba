"""A guest of a test's own: booted, asked, cut off from power, and gone afterwards."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from ops.errors import Trouble
from tests.journeys.instance import free_port
from vm import life
from vm.guest_line import COMMAND_SECONDS, GuestLine, Said
from vm.qemu import EXEC, SERIAL, Machine

ANSWER_SECONDS = 180.0  # an emulated guest on a busy machine, whose service may just start
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

    def comes_back(self, command: str, seconds: float = 900.0) -> None:
        """Try until it succeeds, while the guest may be away."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(Trouble):
                if self.run(command, 20.0).code == 0:
                    return
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"{command}: {self.serial()}")

    def health(self) -> dict[str, Any]:
        """As the host sees it, through the forwarded port."""
        found: dict[str, Any] = httpx.get(
            f"{self.url}/healthz", timeout=ANSWER_SECONDS, trust_env=False
        ).json()
        return found

    def get(self, path: str) -> Any:
        return httpx.get(f"{self.url}{path}", timeout=ANSWER_SECONDS, trust_env=False).json()

    def tag(self) -> str:
        """Of the release that serves."""
        return str(self.json("orgctl status --json")["slots"]["current"]["tag"])

    def evolves(self, files: Mapping[str, str]) -> None:
        """From now on the guest's instance is one of a repo with these files."""
        self.must("systemctl stop org.service", 120.0)
        self.must("find /var/lib/org -mindepth 1 -maxdepth 1 ! -name wheels -exec rm -rf {} +")
        as_org = "setpriv --reuid=org --regid=org --init-groups env HOME=/tmp"
        self.must(f"rm -rf /tmp/repo; {as_org} mkdir /tmp/repo")
        for name, text in files.items():
            with GuestLine(self.machine.folder / EXEC) as line:
                line.run([*as_org.split(), "tee", f"/tmp/repo/{name}"], stdin=text)
        git = f"{as_org} git -C /tmp/repo -c user.name=someone -c user.email=s@localhost"
        self.must(f"{git} init -q -b main; {git} add -A; {git} commit -q -m first", 120.0)
        birth = "/opt/org/venv/bin/python -I /opt/org/src/ops/boot.py daemon.supervisor.birth"
        self.must(f"{as_org} {birth} --home /var/lib/org --repo /tmp/repo", 240.0)
        self.must("systemctl start org.service", 240.0)

    def agrees(self) -> None:
        """main, tag, journal, what serves and what git says tell one story."""
        status = self.json("orgctl status --json")
        serves = status["slots"]["current"]["commit"]
        if status["kind"] == "org":
            assert self.health()["commit"] == serves
        tree = "git --git-dir=/var/lib/org/repo.git -c safe.directory='*' rev-parse"
        one, other = (self.must(f"{tree} '{oid}^{{tree}}'") for oid in (status["main"], serves))
        assert one == other
        assert self.json("orgctl verify --json", 120.0)["problems"] == []

    def serial(self) -> str:
        return (self.machine.folder / SERIAL).read_text(errors="replace")[-3000:]


class Relay:
    """One port of the host's loopback that leads to whichever server is asked for."""

    def __init__(self) -> None:
        self.port = free_port()
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def leads_to(self, port: int) -> None:
        self._end()
        listen = f"TCP-LISTEN:{self.port},bind=127.0.0.1,fork,reuseaddr"
        self._running = subprocess.Popen(["socat", listen, f"TCP:127.0.0.1:{port}"])

    def _end(self) -> None:
        if self._running is not None:
            self._running.terminate()
            self._running.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()


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
