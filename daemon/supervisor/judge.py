"""Have one commit judged by the gates of trusted main, and keep the scorecard in git.

The jury is a process of its own: a gate that crashes takes no supervisor along,
and a jury that ends without a scorecard has rejected.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.core import release as releases
from daemon.core.events import Kind
from daemon.core.goal import Goal
from daemon.core.release import Release
from daemon.supervisor.broker import Broker, boot_argv, log_file, recent
from daemon.supervisor.channel import Channel, Message
from daemon.supervisor.runnable import build, program
from daemon.supervisor.slots import Slots
from daemon.supervisor.stand import Stand
from daemon.supervisor.world import World
from fitness import steady
from fitness.scorecard import Scorecard
from ops.cell_docker import engine_environment
from ops.errors import Failed
from ops.processes import Child, spawn

JURY_SECONDS = 1800.0
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Case:
    """What is to be judged; `name` is the evidence folder."""

    name: str
    commit: str
    base: str
    goal: Goal | None = None
    only: str | None = None
    serve: bool = True
    suite: str | None = None  # whose gates judge; None is what serves
    recent: Path | None = None  # what current was asked; None is what users did ask lately


async def judge(world: World, slots: Slots, broker: Broker, case: Case) -> Scorecard:
    """The scorecard. Raises Failed when the jury ended without one."""
    release = await build(world, case.commit)
    trusted = await (build(world, case.suite) if case.suite else program(world))
    base = await build(world, case.base)
    stand = Stand(world, slots, broker, {"candidate": release, "current": base}, case.name)
    channel, theirs = await Channel.pair()
    log = log_file(world, "jury")
    try:
        argv = boot_argv(trusted, "fitness.jury")
        environment = ENVIRONMENT | engine_environment()
        child = spawn(argv, environment=environment, fds={4: theirs.fileno()}, output=log)
    finally:
        theirs.close()
    try:
        await channel.send(_job(world, case, release, base))
        async with asyncio.timeout(JURY_SECONDS):
            return _steady(world, case, *await _hear(stand, case, channel))
    except TimeoutError as error:
        raise Failed(f"the jury was not done within {JURY_SECONDS:g} s", "see evidence") from error
    finally:
        _end(child, channel)
        await stand.clear()


def _steady(world: World, case: Case, card: Scorecard, unjudged: set[str]) -> Scorecard:
    """Where the same commit was judged before by the same suite, a no stands."""
    card, found = steady.weigh(world.layout.evidence, card, unjudged)
    for one in found:
        text = f"the gate {one.gate} is flaky: two verdicts on {one.commit[:12]}: {one.reason}"
        world.tell(Kind.NOTICE, case.name, text=text)
    return card


def _end(child: Child, channel: Channel) -> None:
    child.kill()
    channel.close()


def _job(world: World, case: Case, release: Release, base: Release) -> dict[str, Any]:
    goal = case.goal
    evidence = world.layout.evidence / case.name
    evidence.mkdir(parents=True, exist_ok=True)
    asked = world.repo_settings(case.base) if world.instance.kind == "repo" else None
    return {
        "kind": world.instance.kind,
        "commit": case.commit,
        "base": case.base,
        "candidate_dir": str(release.root),
        "base_dir": str(base.root),
        "repo": str(world.layout.repo),
        "python": str(base.python),
        "home": str(world.layout.home),
        "evidence": str(evidence),
        "backend": world.settings.cells.backend,
        "goal": {"text": goal.text, "acceptance": goal.acceptance} if goal else None,
        "gates": [gate.model_dump(mode="json") for gate in asked.gates] if asked else [],
        "protected": list(asked.protected) if asked else [],
        "health": asked.serve.health if asked else "/healthz",
        "only": case.only,
        "serve": case.serve,
        "recent": str(case.recent or recent(world)),
    }


async def _hear(stand: Stand, case: Case, channel: Channel) -> tuple[Scorecard, set[str]]:
    """The card, and the gates whose no is the machine's own."""
    unjudged: set[str] = set()
    while (message := await channel.receive()) is not None:
        if "scorecard" in message:
            return _checked(case, message["scorecard"]), unjudged
        if "need" in message:
            await channel.send(await stand.answer(message))
        elif message.get("event") == "gate":
            _tell_gate(stand.world, case, message)
            unjudged |= {str(message["name"])} if message.get("judged") is False else set()
    raise Failed(
        "the jury ended without a scorecard, which is a rejection", "see: orgctl logs jury"
    )


def _checked(case: Case, said: object) -> Scorecard:
    """The card as the jury gave it, unless it is not about this very commit."""
    card = Scorecard.model_validate(said)
    if (card.commit, card.base) != (case.commit, case.base):
        raise Failed("the scorecard is about another commit", "judge again")
    if case.only is None and card.passed != card.complete():
        raise Failed("the scorecard contradicts its own gates", "judge again")
    return card


def _tell_gate(world: World, case: Case, message: Message) -> None:
    kind = Kind.GATE_STARTED if message.get("state") == "started" else Kind.GATE_ENDED
    kept = {key: value for key, value in message.items() if key not in ("event", "state")}
    world.tell(kind, case.name, **kept)


def keep(world: World, card: Scorecard) -> str:
    """The card as a note on its commit and as a file; gives its sha256."""
    world.history.note(releases.SCORECARDS, card.commit, card.canonical())
    return card.digest()


def kept(world: World, commit: str) -> Scorecard | None:
    """The noted card of `commit`; None when there is none that can be read."""
    text = world.history.read_note(releases.SCORECARDS, commit)
    return Scorecard.model_validate(json.loads(text)) if text else None


def evidence_of(world: World, name: str) -> Path:
    return world.layout.evidence / name
