"""What a cycle was asked for, which model answers it, by which protocol and tests it is drafted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.core.candidate import RECORDED, Candidate
from daemon.core.events import Kind
from daemon.core.goal import Goal, Protocol
from daemon.supervisor import learned
from daemon.supervisor.broker import Broker
from daemon.supervisor.channel import Message
from daemon.supervisor.world import World
from fitness.trial import GATE_TEST_PATHS, SELECTED
from ops.errors import Failed

TESTS_GATE = "tests"
PYTEST = ("python3", "-m", "pytest", "-q", "--no-header", "--tb=short", "-p", "no:cacheprovider")
SMALL_MODEL_HINTS = ("0.5b", "1b", "1.5b", "2b", "3b", "135m", "270m", "360m")


@dataclass(frozen=True)
class Wish:
    """What a cycle was asked for."""

    goal: Goal
    session: Path | None = None
    record: Path | None = None


def protocol_of(world: World, goal: Goal, model: str) -> Protocol:
    """What was asked for, else by the size that the model's name tells."""
    asked = _asked(world, goal, model)
    if asked is not None:
        return asked
    small = any(
        hint in model.lower().replace("-", "").replace("_", "") for hint in SMALL_MODEL_HINTS
    )
    return Protocol.REWRITE if small else Protocol.AGENT


def _asked(world: World, goal: Goal, model: str) -> Protocol | None:
    """The goal's own wish, else the setting; None when neither says."""
    if goal.protocol is not None and (goal.session is None or model == RECORDED):
        return goal.protocol  # one that ships with a session says how that was recorded
    own = world.settings.author.protocol
    return Protocol(own) if own != "auto" else None


def chosen_protocol(world: World, candidate: Candidate, goal: Goal, model: str) -> Protocol:
    """What was asked for, else by what worked; a recorded session has chosen already."""
    likely = protocol_of(world, goal, model)
    asked = _asked(world, goal, model) is not None
    if asked or model == RECORDED or (goal.module is None and likely is Protocol.AGENT):
        return likely
    return learned.protocol(world.journal, candidate, model, likely)


async def probed(broker: Broker, wanted: Sequence[str]) -> tuple[str, Message]:
    """The first of these models whose endpoint answers, and what it said; else the last one."""
    for own in wanted:
        said = await broker.probe(own)
        if said.get("answers"):
            break
    return own, said


async def model_of(
    world: World, broker: Broker, candidate: Candidate, wish: Wish
) -> tuple[str, Path | None]:
    """The live model if its endpoint answers, else the session that fits the goal."""

    def tell(text: str) -> None:
        world.tell(Kind.CYCLE_MODEL, candidate.id, text=text)

    settings = world.settings.model
    session = wish.session or (Path(settings.session) if settings.session else None)
    if session is not None:
        tell(f"replaying the recorded session {session.name}")
        return RECORDED, session
    wanted = learned.models(world.journal, candidate, world.settings.author.wanted)
    own, said = await probed(broker, wanted)
    base = world.settings.endpoint(own).base
    if said.get("answers"):
        models = [str(name) for name in said.get("models") or ()]
        model = own or settings.name or (models[0] if models else "")
        tell(f"{model} at {base}")
        return model, None
    if wish.goal.session is not None:
        tell(f"no model answers at {base}: replaying the recorded session that ships")
        return RECORDED, Path(wish.goal.session)
    raise Failed(
        f"no model answers at {base}: {said.get('detail', 'no reason given')}",
        "start it, or set OLLAMA_BASE or model.base in org.toml",
    )


def tests_of(world: World, base: str) -> dict[str, Any]:
    """How an author runs the tests: as the gate will, short of what no cell can run."""
    if world.instance.kind == "org":
        return {"tests": (*PYTEST, "-m", SELECTED), "test_paths": GATE_TEST_PATHS}
    named = {gate.name: gate.command for gate in world.repo_settings(base).gates}
    return {"tests": named.get(TESTS_GATE)}
