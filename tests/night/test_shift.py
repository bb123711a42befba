"""Cycles by themselves: a dead model is waited for, a spent budget holds, a streak slows."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import service
from tests.journeys.instance import Home, commit_all, free_port, running
from tests.journeys.test_other_repo import GOOD
from tests.model_server import say, scripted_model, slowly

pytestmark = pytest.mark.journey
SECONDS_MAX = 120.0
POLL_SECONDS = 0.3
DAY_SECONDS = 5.0


def until(home: Home, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The schedule, once it is as wanted."""
    deadline = time.monotonic() + SECONDS_MAX
    while not true(found := home.ask("schedule", "list")):
        assert time.monotonic() < deadline, found
        time.sleep(POLL_SECONDS)
    return found


ONE, OTHER = (
    GOOD.replace("How many", f"{word}: how many").replace("Counting.", f"{word} counting.")
    for word in ("First", "Second")
)


@pytest.mark.parametrize("meet", [False, True])
def test_authors_side_by_side_are_judged_in_turn(meet: bool, home: Home, tmp_path: Path) -> None:
    """Both at work, as status tells; the second is judged on top of the first, or fits not."""
    repo = service.make(tmp_path / "service")
    (repo / "more.py").write_text('"""More."""\n')
    commit_all(repo, "Leave room for more")
    seen: list[tuple[dict[str, Any], str]] = []
    both = threading.Barrier(
        2, lambda: seen.append((home.ask("status"), home.orgctl("status").said))
    )

    def reply(asked: dict[str, Any]) -> dict[str, Any]:
        both.wait(SECONDS_MAX)  # each waits until the other asks too
        other = "the second" in json.dumps(asked["messages"])
        return say(f"```python\n{OTHER if other else ONE}```")

    settings = "[author]\nrounds_max = 1\n[schedule]\nparallel = 2\n"
    with scripted_model([reply] * 2) as model:
        base = f'[model]\nbase = "http://127.0.0.1:{model.server_address[1]}"\n'
        with running(home, repo, base + settings):
            for text, module in (("the first", "words.py"), ("the second", "more.py")):
                named = "words.py" if meet else module
                home.ask("goal", "add", text, "--protocol", "rewrite", "--module", named)
            home.ask("schedule", "run", "cycles")
            until(home, lambda found: not found["jobs"][0]["running"])
            told = {one["goal"]: one for one in home.ask("candidates")["candidates"]}
            assert told["the first"]["release"] == "release/1", (told, home.ask("schedule", "list"))
            if meet:
                assert told["the second"]["state"] == "rejected", told
                assert "words.py" in told["the second"]["reason"]
            else:
                assert told["the second"]["release"] == "release/2"
                parent = home.git("rev-parse", "release/2^1")
                assert parent == home.git("rev-parse", "release/1^{commit}")
            status, shown = seen[0]
            at_work = {one["goal"]: one for one in status["projects"]}
            assert {one["title"] for one in at_work.values()} == {"the first", "the second"}
            for goal, one in at_work.items():
                reason = f"cand/{told[one['title']]['candidate']} is at work"
                assert (one["state"], one["reason"]) == ("executing", reason)
                assert f"goal       {goal} executing: {one['title']} ({reason})\n" in shown
            assert home.ask("status")["projects"] == []  # complete, or waiting for its next try
            home.agrees()


def outcome(found: dict[str, Any]) -> str:
    return str(found["jobs"][0].get("outcome"))


def test_org_proposes_goals_and_a_person_agrees(home: Home, tmp_path: Path) -> None:
    """An open row of a TODO is proposed once, with its evidence, and worked on when accepted."""
    repo = service.make(tmp_path / "service")
    (repo / "TODO.md").write_text("- [ ] count words only\n- [x] count\n")
    commit_all(repo, "Say what is to do")
    with running(home, repo):
        for _ in range(2):
            home.ask("schedule", "run", "observe")
            until(home, lambda found: not any(job["running"] for job in found["jobs"]))
        listed = home.ask("goal", "list")["goals"]
        assert [(one["text"], one["state"]) for one in listed] == [("count words only", "proposed")]
        assert "no open goal" in home.orgctl("evolve", "--wait").told
        assert "proposed goal" in home.orgctl("report").said
        home.ask("goal", "accept", listed[0]["id"])
        shown = home.ask("goal", "show", listed[0]["id"])
        assert (shown["proposed"], shown["evidence"]) == (False, "an open row of TODO.md")


def test_a_cycle_by_the_clock(home: Home, tmp_path: Path) -> None:
    """No model, then one; frozen, then not; none once the tokens are spent."""
    repo = service.make(tmp_path / "service")
    port = free_port()
    settings = (
        f'[model]\nbase = "http://127.0.0.1:{port}"\n[author]\nrounds_max = 1\n'
        '[schedule]\ncycles = "every 1s"\n[budget]\nday_tokens = 130\n[probation]\nseconds = 0\n'
    )
    with running(home, repo, settings):
        words = ("--protocol", "rewrite", "--module", "words.py")
        home.ask("goal", "add", "count words only", *words)
        home.ask("goal", "add", "count them again", *words)
        until(home, lambda found: "no model answers" in outcome(found))
        assert home.ask("candidates")["candidates"] == []
        home.ask("freeze")
        until(home, lambda found: outcome(found).startswith("held: promotions are frozen"))
        replies = [say(f"```python\n{GOOD}```") for _ in range(5)]
        with scripted_model(replies, port=port) as model:
            home.ask("unfreeze")
            home.ask("schedule", "resume")
            until(home, lambda _: home.ask("status")["counts"]["promoted"] == 1)
            assert home.get("/a/b").json() == {"count": 2}
            until(home, lambda _: len(model.asked) == 2)
            until(home, lambda found: "240 of 130 tokens are spent" in outcome(found))
            spent = home.ask("budget")
            assert (spent["today"]["tokens"], spent["today"]["money"]) == (240, None)
            assert len(model.asked) == 2  # the overshoot is the one call that was under way
        home.ask("schedule", "set", "cycles", "off")
        assert home.ask("schedule", "list")["jobs"][0]["rule"] == "off"


def test_an_author_that_the_days_time_ended_leaves_its_work(home: Home, tmp_path: Path) -> None:
    """No further cycle begins; what it had committed is kept, and the goal has not lost a try."""
    repo = service.make(tmp_path / "service")
    wrote = say("", write_file={"path": "words.py", "content": GOOD})
    replies = [wrote, slowly(0.1, say("This takes longer than there is time. " * 50))]
    settings = f'[schedule]\ncycles = "every 1s"\n[budget]\nday_wall_seconds = {DAY_SECONDS}\n'
    with scripted_model(replies * 2) as model:
        base = f'[model]\nbase = "http://127.0.0.1:{model.server_address[1]}"\n'
        with running(home, repo, base + settings):
            goal = home.ask("goal", "add", "count words only", "--protocol", "agent")["id"]
            found = until(home, lambda found: "wall seconds are spent" in outcome(found))
            assert outcome(found).startswith("held: the day's budget: ")
            (ended,) = home.ask("candidates")["candidates"]
            assert (ended["state"], len(model.asked)) == ("abandoned", 2)
            assert "the day's budget ended it" in ended["reason"]
            kept = home.git("show", f"cand/{ended['candidate']}:words.py")
            assert kept.strip() == GOOD.strip()
            project = home.ask("goal", "show", goal)["project"]
            assert (project["state"], project["tries"]) == ("planning", 0)
            home.agrees()
