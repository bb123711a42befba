"""Promote, reject, roll back, go on: the cycle of org evolving itself, with a scripted model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.instance import Home, running
from tests.model_server import say, scripted_model

pytestmark = pytest.mark.journey

MODULE = "daemon/orchestrator/uptime.py"
PROCESS = "daemon/orchestrator/process.py"
APP = "daemon/orchestrator/app.py"
TESTS = "tests/orchestrator/test_uptime.py"
ACCEPT = {"probes": [{"path": "/about", "matches": "^slot: candidate$"}]}


def edits(path: str, *pairs: tuple[str, str]) -> list[dict[str, Any]]:
    """An author that edits one file, tests, and is done."""
    changes = [say("", edit_file={"path": path, "old": old, "new": new}) for old, new in pairs]
    proof = say("", run_tests={"paths": [TESTS]})
    return [*changes, proof, say("", done={"summary": "changed it"})]


@contextmanager
def instance(home: Home, repo: Path, replies: list[dict[str, Any]]) -> Iterator[Home]:
    with scripted_model(replies) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        with running(home, repo, f'[model]\nbase = "{base}"\n') as up:
            yield up


def add_goal(home: Home, text: str, folder: Path) -> str:
    """A goal that any healthy candidate reaches: what is tested here are the other gates."""
    import json

    accept = folder / "accept.json"
    accept.write_text(json.dumps(ACCEPT))
    return str(home.ask("goal", "add", text, "--accept", str(accept))["id"])


def refused_gate(home: Home, goal: str) -> dict[str, Any]:
    """The cycle must be rejected; gives the one gate that said no."""
    answered = home.orgctl("evolve", "--wait", "--json", "--goal", goal)
    assert answered.code == 1, answered
    found = answered.json
    assert found["outcome"] == "rejected", found
    bad = [gate for gate in found["scorecard"]["gates"] if not gate["passed"]]
    assert len(bad) == 1, bad
    return dict(bad[0])


def test_what_does_not_start_is_rejected(home: Home, org_repo: Path, tmp_path: Path) -> None:
    """It imports and its tests pass, but its program ends at once: identity says so."""
    old = "    asyncio.run(serve(flags))\n    return 0\n"
    with instance(home, org_repo, edits(PROCESS, (old, "    return 0\n"))):
        before = home.get("/healthz").json()["commit"]
        bad = refused_gate(home, add_goal(home, "start no more", tmp_path))
        assert bad["name"] in ("lint", "identity")
        assert home.get("/healthz").json()["commit"] == before
        home.agrees()


def test_what_answers_with_another_commit_is_rejected(
    home: Home, org_repo: Path, tmp_path: Path
) -> None:
    """Health that names a commit which is not the judged one is not believed."""
    lie = (
        "return JSONResponse(health.identity())",
        'return JSONResponse(health.identity() | {"commit": "0" * 40})',
    )
    with instance(home, org_repo, edits(APP, lie)):
        bad = refused_gate(home, add_goal(home, "lie", tmp_path))
        assert bad["name"] == "identity"
        home.agrees()


def test_rollback_then_evolve_again_on_top(home: Home, org_repo: Path, tmp_path: Path) -> None:
    """Two cycles, a rollback, another cycle: main only grows, and always names what serves."""
    one = edits(MODULE, ('"""A span of time in words."""', '"""A span of time, in words."""'))
    two = edits(MODULE, ('"""A span of time, in words."""', '"""Spans of time, in words."""'))
    three = edits(MODULE, ('"""A span of time, in words."""', '"""A span of time as words."""'))
    with instance(home, org_repo, [*one, *two, *three]):
        goal = add_goal(home, "say it better", tmp_path)
        assert home.ask("evolve", "--wait", "--goal", goal)["release"] == "release/1"
        home.agrees()
        assert home.ask("evolve", "--wait", "--goal", goal)["release"] == "release/2"
        home.agrees()
        back = home.ask("rollback", "--yes")
        assert (back["from"], back["to"], back["tag"]) == ("release/2", "release/1", "rollback/1")
        assert home.get("/healthz").json()["tag"] == "release/1"
        home.agrees()
        third = home.ask("evolve", "--wait", "--goal", goal)
        assert third["release"] == "release/3"
        assert third["commit"] == home.get("/healthz").json()["commit"]
        home.agrees()
        counts = home.ask("status")["counts"]
        assert counts == {"promoted": 3, "rejected": 0, "rolled_back": 1, "open": 0}
        # main never rewinds: every release is still behind it.
        for number in range(4):
            home.git("merge-base", "--is-ancestor", f"release/{number}", "main")


def test_a_rollback_needs_no_daemon(home: Home, org_repo: Path, tmp_path: Path) -> None:
    """With org down, git alone tells the status and takes the former release back."""
    one = edits(MODULE, ('"""A span of time in words."""', '"""A span of time, in words."""'))
    with instance(home, org_repo, one):
        goal = add_goal(home, "say it better", tmp_path)
        home.ask("evolve", "--wait", "--goal", goal)
        home.ask("down", "--yes")
        told = home.orgctl("status", "--json")
        assert (told.code, told.json["supervisor"]["state"]) == (5, "down")
        assert home.ask("rollback", "--yes")["tag"] == "rollback/1"
        home.ask("up")
        assert home.get("/healthz").json()["tag"] == "release/0"
        home.agrees()


def test_a_restart_serves_the_same_and_ends_what_was_open(
    home: Home, org_repo: Path, tmp_path: Path
) -> None:
    """Down and up again: the promoted release serves, its probation goes on."""
    one = edits(MODULE, ('"""A span of time in words."""', '"""A span of time, in words."""'))
    with instance(home, org_repo, one):
        goal = add_goal(home, "say it better", tmp_path)
        done = home.ask("evolve", "--wait", "--goal", goal)
        home.ask("down", "--yes")
        home.ask("up")
        assert home.get("/healthz").json()["commit"] == done["commit"]
        home.agrees()
