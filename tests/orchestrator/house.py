"""The supervisor's door for :7001, on a real journal and repo, without a supervisor around it."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from daemon.core import release as releases
from daemon.core.candidate import Candidate, Stage
from daemon.core.events import Kind
from daemon.core.release import Release
from daemon.state.journal import Journal
from daemon.state.settings import Settings
from daemon.state.tokens import Wanted
from daemon.supervisor.birth import adopt, make_home
from daemon.supervisor.broker import Broker
from daemon.supervisor.custody import Custody
from daemon.supervisor.process import Supervisor
from daemon.supervisor.slots import Slots
from daemon.supervisor.token_verbs import tokens_of
from daemon.supervisor.world import Instance, World
from fitness.gates import SUITE
from ops.doors import FACTS
from ops.layout import Layout
from ops.records import RefChange
from tests.journeys.instance import commit_all
from tests.ops.conftest import commit_of
from tests.orchestrator.program import ROOT, SECONDS, Program, program

T = TypeVar("T")
HERE = Release("0" * 40, ROOT, Path(sys.executable))
CLOSED = {"open": []}  # also callers on this machine need a token


@dataclass
class House:
    """An instance whose facts can be asked for; `loop` is the supervisor's own thread."""

    world: World
    loop: asyncio.AbstractEventLoop
    socket: str
    programs: list[Program] = field(default_factory=list)

    def do(self, what: Callable[[], T]) -> T:
        """In the supervisor's thread, as all of its own acts are."""

        async def run() -> T:
            return what()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(SECONDS)

    def token(self, name: str, *scopes: str, **more: Any) -> str:
        wanted = Wanted(name, scopes, **more)
        return self.do(lambda: tokens_of(self.world).add(wanted, self.world.clock())[0])

    def candidate(self, name: str, **more: Any) -> Candidate:
        """One row of the archive."""
        plain = {"goal": f"goal of {name}", "created": 1_795_000_000, "base": self.world.main()}
        made = Candidate(id=name, **(plain | more))
        self.do(lambda: self.world.journal.save_candidate(made))
        return made

    def release(self, number: int, name: str, **ratios: float) -> str:
        """A candidate that became a release, measured against the one before; gives its tag."""
        history, main, when = self.world.history, self.world.main(), 1_795_000_000 + number
        head = commit_of(history, {"hello.py": f"print({number})\n".encode()}, [main])
        goal = f"goal of {name}"
        trailers = {releases.CANDIDATE: name, releases.GOAL: goal}
        merge = history.merge(main, head, releases.message(goal, "", trailers), when)
        tag = f"release/{number}"
        made = history.tag(tag, merge, "\n", when)
        moves = (RefChange(releases.MAIN, merge, main), RefChange(f"refs/tags/{tag}", made, None))
        self.do(lambda: history.move(moves))
        self.candidate(
            name, state=Stage.PROMOTED, base=main, head=head, merge=merge, release=tag, tokens=1000
        )
        measures = {
            kind: {"ratio": ratio, "low": ratio - 0.05, "high": ratio + 0.05, "pairs": 96}
            for kind, ratio in ratios.items()
        }
        self.tell(Kind.GATE_ENDED, name, name="load", passed=True, seconds=20.5, reason="ok",
                  stage="load", measures=measures)  # fmt: skip
        return tag

    def tell(self, kind: Kind, candidate: str | None = None, **data: Any) -> None:
        self.do(lambda: self.world.tell(kind, candidate, **data))


def _world(folder: Path) -> World:
    layout = Layout(folder / "home")
    make_home(layout)
    (folder / "repo").mkdir()
    (folder / "repo/hello.py").write_text("print('hello')\n")
    commit_all(folder / "repo", "begin", first=True)
    history, _ = adopt(layout, folder / "repo", signer=None)
    return World(layout, Settings(), Instance(kind="org"), history, Journal(layout.journal))


class Served(Slots):
    """As if this very tree served :7001, whose tools are then run."""

    def release(self) -> Release | None:
        return HERE


async def _open(world: World, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    with ExitStack() as stack:
        one, two = (stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in "12")
        line, _ = (stack.enter_context(end) for end in socket.socketpair())
        custody = Custody(line)
        slots = Served(world, one, two, custody)
        supervisor = Supervisor(world, Broker(world, HERE, custody), slots, custody)
        await supervisor.facts.open(world.layout.run)
        ready()
        await stop.wait()
        supervisor.facts.close()
        for task in supervisor.tasks:
            task.cancel()


@contextmanager
def house() -> Iterator[House]:
    """Below a short path, because sockets live in it."""
    with tempfile.TemporaryDirectory(prefix="org-house-") as name:
        world, loop, stop = _world(Path(name)), asyncio.new_event_loop(), asyncio.Event()
        ready = threading.Event()
        running = threading.Thread(
            target=loop.run_until_complete, args=(_open(world, stop, ready.set),)
        )
        running.start()
        try:
            assert ready.wait(SECONDS)
            yield House(world, loop, str(world.layout.run / FACTS))
        finally:
            loop.call_soon_threadsafe(stop.set)
            running.join(SECONDS)
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
            world.journal.close()


@contextmanager
def served(
    here: House, web: dict[str, Any] | None = None, **environment: str
) -> Iterator[tuple[Program, str]]:
    """The real program beside it, and its address."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
        known = {"ORG_FACTS": here.socket, "ORG_WEB": json.dumps(web or {}), **environment}
        running = stack.enter_context(program(listening, **known))
        running.until("ready")
        yield running, f"http://127.0.0.1:{listening.getsockname()[1]}"


def filled(here: House, count: int = 3) -> None:
    """An archive with one candidate of each end, and their events."""
    ends = (Stage.PROMOTED, Stage.REJECTED, Stage.ABANDONED)
    for number in range(count):
        name = f"20261121T0{number // 60:01d}{number % 60:02d}00Z"
        here.candidate(name, state=ends[number % 3], tokens=100 * number, head=here.world.main())
        here.tell(Kind.GATE_ENDED, name, name="tests", passed=number % 3 == 0, seconds=1.5,
                  reason="ok", stage="white")  # fmt: skip


def long_history(here: House, candidates: int = 10_000, judged: int = 360) -> None:
    """As after a year: an archive, and of its newest the word of every gate of org's own suite."""
    ends, base = (Stage.PROMOTED, Stage.REJECTED, Stage.ABANDONED), here.world.main()
    names = [f"2025{number:06d}T000000Z" for number in range(candidates)]
    said = "a completion takes 1.02 times current's (99% sure of 0.98 to 1.05, 120 pairs)"

    def fill() -> None:
        with here.world.journal.together():
            for number, name in enumerate(names):
                made = Candidate(id=name, state=ends[number % 3], goal=f"goal {number}, " * 9,
                                 reason=said, created=1, base=base, tokens=number)  # fmt: skip
                here.world.journal.save_candidate(made)
            for number, name in list(enumerate(names))[-judged:]:
                for place, gate in enumerate(SUITE):
                    fell = number % 3 and place == number % len(SUITE)
                    row = {"passed": not fell, "seconds": 1 + number % 7 + place / 10}
                    told = {"name": gate.name, "stage": gate.stage, "reason": said, **row}
                    here.world.tell(Kind.GATE_ENDED, name, **told)

    here.do(fill)


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}
