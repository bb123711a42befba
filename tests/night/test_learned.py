"""The protocol that brought a model to its goals is chosen more often; nothing else decides."""

from __future__ import annotations

from pathlib import Path

from daemon.core.candidate import Candidate, Stage
from daemon.core.goal import Goal, Protocol
from daemon.state.journal import Journal
from daemon.supervisor import learned
from daemon.supervisor.wish import chosen_protocol
from tests.supervisor.grown import grown


def old(number: int, protocol: Protocol, state: Stage, model: str = "m") -> Candidate:
    return Candidate(
        id=f"c{number:03}",
        state=state,
        goal="g",
        wish=Goal(id="g", text="g", module="a.py"),
        created=number,
        base="b",
        model=model,
        protocol=protocol,
        tokens=10,
    )


def test_without_history_the_likely_one_is_taken(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db")
    fresh = old(0, Protocol.AGENT, Stage.DRAFTING)
    for likely in Protocol:
        assert learned.protocol(journal, fresh, "m", likely) is likely


def test_what_worked_is_chosen_more_often_for_that_model(tmp_path: Path) -> None:
    """Twenty rewrites that were promoted outweigh what the model's name suggests."""
    journal = Journal(tmp_path / "j.db")
    for number in range(20):
        journal.save_candidate(old(number, Protocol.REWRITE, Stage.PROMOTED))
        journal.save_candidate(old(100 + number, Protocol.AGENT, Stage.REJECTED))
        journal.save_candidate(old(200 + number, Protocol.AGENT, Stage.ABANDONED))  # no verdict
    fresh = [old(number, Protocol.AGENT, Stage.DRAFTING) for number in range(500, 540)]
    chosen = [learned.protocol(journal, one, "m", Protocol.AGENT) for one in fresh]
    assert chosen.count(Protocol.REWRITE) > 30
    assert chosen == [learned.protocol(journal, one, "m", Protocol.AGENT) for one in fresh]
    assert learned.protocol(journal, fresh[0], "other", Protocol.AGENT) is Protocol.AGENT
    assert learned.table(journal)[1] == {
        "model": "m",
        "kind": "one file",
        "protocol": "rewrite",
        "tries": 20,
        "promoted": 20,
        "tokens": 200,
    }


def test_how_a_session_was_recorded_decides_nothing_for_a_live_model(tmp_path: Path) -> None:
    """Nor where it happens to be what is likely; what somebody asked for does."""
    world = grown(tmp_path, 0, 0).world
    for number in range(20):
        world.journal.save_candidate(old(number, Protocol.REWRITE, Stage.PROMOTED))
    plain = Goal(id="g", text="g", module="a.py", protocol=Protocol.AGENT)
    shipped = plain.model_copy(update={"session": "s.jsonl"})
    fresh = [old(number, Protocol.AGENT, Stage.DRAFTING) for number in range(500, 520)]
    chosen = [chosen_protocol(world, one, shipped, "m") for one in fresh]
    assert Protocol.REWRITE in chosen
    assert {chosen_protocol(world, one, plain, "m") for one in fresh} == {Protocol.AGENT}
