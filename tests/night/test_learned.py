"""The protocol that brought a model to its goals is chosen more often; nothing else decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from daemon.core.candidate import Candidate, Stage
from daemon.core.goal import Goal, Protocol
from daemon.state.journal import Journal
from daemon.supervisor import learned
from daemon.supervisor.wish import chosen_protocol
from tests.supervisor.grown import grown


def old(
    number: int, protocol: Protocol, state: Stage, model: str | None = "m", **more: Any
) -> Candidate:
    return Candidate(
        id=f"c{number:03}",
        state=state,
        goal="g",
        wish=Goal(id="g", text="g", module="a.py"),
        created=number,
        base="b",
        model=model,
        protocol=protocol,
        **{"tokens": 10, **more},
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
        "prompts": "",
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


def first(journal: Journal, number: int) -> str:
    fresh = old(number, Protocol.AGENT, Stage.DRAFTING, model=None)
    return learned.models(journal, fresh, ["small", "big"])[0]


def test_the_model_that_pays_is_asked_first(tmp_path: Path) -> None:
    """Both come to their goals alike, one for a tenth of the tokens; the other is still tried."""
    journal = Journal(tmp_path / "j.db")
    assert {first(journal, number) for number in range(40)} == {"small", "big"}
    for number in range(20):
        won = Stage.PROMOTED if number % 2 else Stage.REJECTED
        journal.save_candidate(old(number, Protocol.AGENT, won, "small", tokens=100))
        journal.save_candidate(old(100 + number, Protocol.AGENT, won, "big", tokens=1_000))
    asked = [first(journal, number) for number in range(500, 540)]
    assert asked.count("small") > 35
    assert asked == [first(journal, number) for number in range(500, 540)]


def test_a_draft_that_goes_on_keeps_its_model(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db")
    for number in range(20):
        journal.save_candidate(old(number, Protocol.AGENT, Stage.PROMOTED, "small"))
    begun = old(50, Protocol.AGENT, Stage.DRAFTING, "big")
    assert learned.models(journal, begun, ["small", "big"]) == ["big", "small"]


def test_tries_with_other_prompts_say_less(tmp_path: Path) -> None:
    """What was learned of them does not bind those that came after."""
    journal = Journal(tmp_path / "j.db")
    for number in range(20):
        journal.save_candidate(old(number, Protocol.REWRITE, Stage.PROMOTED, prompts="a"))
    fresh = old(50, Protocol.AGENT, Stage.DRAFTING)
    for prompts, won in (("a", 20.0), ("b", 5.0)):
        mine = fresh.model_copy(update={"prompts": prompts})
        arms = {one.name: one for one in learned.arms(journal, mine, "m", Protocol.AGENT)}
        assert arms["rewrite"].won == won


def test_prompts_have_a_name_by_what_they_say(tmp_path: Path) -> None:
    folder = tmp_path / "daemon/agent/prompts"
    folder.mkdir(parents=True)
    names = []
    for text in ("one", "two", "one"):
        (folder / "p.md").write_text(text)
        names.append(learned.prompts_of(tmp_path))
    assert names[0] == names[2] != names[1]
