"""A lead hands in a plan until it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from daemon.agent.providers import Reply
from daemon.agent.team.criteria import Criteria
from daemon.agent.team.lead import Lead
from daemon.agent.workspace import Workspace
from tests.agent.room.case import Scripts, says, seat


def planning(tmp_path: Path, criteria: Criteria, *replies: Reply) -> tuple[Lead, Scripts]:
    scripts = Scripts(m_lead=list(replies))
    members = [seat("alice", persona="You write."), seat("bob")]
    return Lead(seat("lead"), members, criteria, scripts, Workspace(tmp_path)), scripts


def handed_in(*subtasks: dict[str, Any]) -> Reply:
    return says("", ("plan", json.dumps({"subtasks": list(subtasks)})))


def test_a_plan_goes_back_until_it_holds(tmp_path: Path) -> None:
    """A cycle, an unknown member, a missing check: told each time, then accepted."""
    good = {"id": "a", "task": "write it", "who": "alice", "check": "true"}
    lead, scripts = planning(
        tmp_path,
        Criteria(tests=True),
        handed_in({**good, "after": ["a"]}),
        handed_in({**good, "who": "zoe"}),
        handed_in({**good, "check": ""}),
        handed_in(good),
    )
    draft = lead.plan("write")
    assert draft.plan is not None and draft.plan.subtasks[0].who == "alice" and not draft.reasons
    told = [messages[-1].content for messages in scripts.asked["m_lead"][1:]]
    assert "wait for each other" in told[0]
    assert "nobody is called zoe" in told[1] and "no check" in told[2]
    assert "alice (You write.)" in scripts.asked["m_lead"][0][0].content


def test_a_plan_that_falls_short_waits_and_none_is_told(tmp_path: Path) -> None:
    """After some tries the last valid one stands, with its reasons."""
    poor = {"id": "a", "task": "write it"}
    lead, _ = planning(tmp_path, Criteria(tests=True), *[handed_in(poor)] * 4)
    draft = lead.plan("write")
    assert draft.plan is not None and "a has no check" in draft.reasons[0]
    lead, _ = planning(tmp_path, Criteria(), *[says("I would rather talk.")] * 4)
    draft = lead.plan("write")
    assert draft.plan is None and "no valid plan came" in draft.reasons[0]
