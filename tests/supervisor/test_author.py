"""What an author is told of its model: what the broker knows of it when its door opens."""

from __future__ import annotations

import asyncio
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.agent.author import Job, opening
from daemon.agent.offer import SMALL_TOKENS_MAX
from daemon.agent.providers.openai import IDLE_MARGIN_SECONDS, over_socket
from daemon.core.candidate import Candidate
from daemon.core.goal import Goal
from daemon.core.release import Release
from daemon.state.settings import load
from daemon.supervisor.author import Author, Brief
from daemon.supervisor.broker import Broker
from daemon.supervisor.custody import Custody
from tests.broker.wires import wire_server
from tests.supervisor.grown import grown

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
HERE = Release("0" * 40, ROOT, Path(sys.executable))


def told_at(home: Path, settings: str) -> dict[str, Any]:
    """The job of an author whose model is m of the provider `box`."""
    plain = grown(home, 0, 0).world
    (plain.layout.home / "org.toml").write_text(settings)
    world = replace(plain, settings=load(plain.layout.home))
    goal = Goal(id="g", text="g")
    candidate = Candidate(id="20260301T000000Z", goal="g", created=0, wish=goal, base=world.main())
    brief = Brief(candidate, goal, HERE, "box/m", None, None)

    async def job() -> dict[str, Any]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            broker = Broker(world, HERE, Custody(ours))
            await broker.start()
            try:
                door = await broker.open(candidate.id, model=brief.model)
                return Author(world, broker, brief)._job(door)
            finally:
                await broker.stop()

    return asyncio.run(job())


def test_an_author_knows_its_models_context_and_patience(tmp_path: Path) -> None:
    """As the server tells of the model, and as that model's own endpoint is set."""
    with wire_server("ollama") as server:
        settings = f'provider = "ollama"\nbase = "{server.base}"\nidle_seconds = 900.0\n'
        told = told_at(tmp_path, f"[providers.box]\n{settings}")
    assert (told["context_tokens"], told["idle_seconds"]) == (2048, 900.0)
    with over_socket("nowhere", 900.0) as client:
        assert client.timeout.read == 900.0 + IDLE_MARGIN_SECONDS


def test_an_author_reads_and_is_told_of_tools_as_the_settings_say(tmp_path: Path) -> None:
    """Loosely, and within the budgets for large and for small models."""
    author = "loose = true\ntool_tokens_max = 300\nsmall_tool_tokens_max = 60\n"
    job = Job.model_validate(told_at(tmp_path, f"[author]\n{author}"))
    assert (job.loose, job.tool_tokens_max, job.small_tool_tokens_max) == (True, 300, 60)
    assert len(job.declared()) < len(Job(goal="g").declared())
    small, usual = (
        opening(Job(goal="g", model="qwen3:0.6b", small_tool_tokens_max=budget))[0].content
        for budget in (job.small_tool_tokens_max, SMALL_TOKENS_MAX)
    )
    assert len(small) < len(usual)
