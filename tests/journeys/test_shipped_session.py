"""The main job with the session that ships: only the model's words are recorded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fitness.gates import load
from tests.journeys.instance import Home, commit_all, running

pytestmark = pytest.mark.journey

BREAKS = '''"""A promise that the shipped improvement breaks."""

from daemon.orchestrator.uptime import in_words


def test_seconds_are_told_as_seconds() -> None:
    assert in_words(3671) == "3671 seconds"
'''


def test_the_shipped_session_is_promoted_and_serves(
    home: Home, whole_org_repo: Path, tmp_path: Path
) -> None:
    """Goal, author, commits, gates, promotion all happen, and :7001 shows the improvement."""
    with running(home, whole_org_repo):
        before = home.get("/healthz").json()
        assert before["tag"] == "release/0"
        done = home.ask("evolve", "--wait")
        assert done["outcome"] == "promoted", done
        reasons = {gate["name"]: gate["reason"] for gate in done["scorecard"]["gates"]}
        assert re.fullmatch(r"\d{3,} tests of main passed", reasons["tests"]), reasons
        after = home.get("/healthz").json()
        # N1: what was judged, what is main, and what serves are one commit.
        assert done["commit"] == after["commit"] == home.ask("status")["main"]
        assert after["tag"] == done["release"] == "release/1"
        assert home.git("cat-file", "-t", "release/1") == "tag"
        assert "seconds" not in _machine_line(home) or "minute" in _machine_line(home)
        # What the load gate measured of it, with its noise, is what is drawn of this release.
        measures = home.get("/api/measures").json()["measures"]
        assert [one["name"] for one in measures] == [one.name for one in load.requests()]
        assert {one["release"] for one in measures} == {"release/1"}
        assert all(one["low"] <= one["ratio"] <= one["high"] for one in measures)
        assert home.orgctl("plot", "fitness", "--out", str(tmp_path / "fitness.svg")).code == 0
        assert "release/1: " in (tmp_path / "fitness.svg").read_text()
        steps = home.git("log", "--format=%s", f"cand/{done['candidate']}").splitlines()
        assert len(steps) >= 2
        home.agrees()
        # Nothing is left to do, and saying so changes nothing.
        again = home.orgctl("evolve", "--wait", "--json")
        assert again.code == 2
        assert "no open goal" in again.json["error"]


def _machine_line(home: Home) -> str:
    lines = home.get("/about").text.splitlines()
    return next(line for line in lines if line.startswith("machine up:"))


def test_the_same_session_is_rejected_where_its_change_breaks_a_test(
    home: Home, own_org_repo: Path
) -> None:
    """Nothing of the outcome is recorded: the tests gate says no, by the test's name."""
    (own_org_repo / "tests/orchestrator/test_promise.py").write_text(BREAKS)
    commit_all(own_org_repo, "Promise seconds")
    with running(home, own_org_repo):
        before = home.get("/healthz").json()
        answered = home.orgctl("evolve", "--wait", "--json")
        assert answered.code == 1
        assert answered.json["outcome"] == "rejected"
        refused = [gate for gate in answered.json["scorecard"]["gates"] if not gate["passed"]]
        assert [gate["name"] for gate in refused] == ["tests"]
        assert "test_seconds_are_told_as_seconds" in refused[0]["reason"]
        assert home.get("/healthz").json()["commit"] == before["commit"]
        home.agrees()


def test_a_session_that_does_not_fit_is_told_and_the_cycle_abandoned(
    home: Home, org_repo: Path
) -> None:
    """Another goal asks other questions; the recording has no answer and says so."""
    session = org_repo / "daemon/broker/sessions/first.jsonl"
    with running(home, org_repo):
        answered = home.orgctl(
            "evolve", "--wait", "--json", "--goal", "something else", "--session", str(session)
        )
        assert answered.code == 1
        assert answered.json["outcome"] == "abandoned"
        assert "recording" in answered.json["reason"] or "recorded" in answered.json["reason"]
        home.agrees()
