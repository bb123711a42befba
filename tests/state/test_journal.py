"""The journal keeps what it was told, across processes and a kill, and knows a newer home."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.core.candidate import Candidate, Stage
from daemon.core.promotion import Promotion, State
from daemon.state import goals
from daemon.state.journal import Journal
from daemon.state.schema import SCHEMA
from ops.errors import Failed, Refused

ROOT = Path(__file__).resolve().parents[2]


def a_candidate(name: str, state: Stage) -> Candidate:
    return Candidate(id=name, state=state, goal="better", created=1, base="b" * 40)


def a_promotion(name: str, state: State) -> Promotion:
    return Promotion(id=name, state=state, candidate=None, main="m", merge="x", former="f", when=1)


def test_candidates_come_back_newest_first(tmp_path: Path) -> None:
    """What was saved is read by the next process, and the open ones are told apart."""
    journal = Journal(tmp_path / "journal.db")
    journal.save_candidate(a_candidate("1", Stage.PROMOTED))
    journal.save_candidate(a_candidate("2", Stage.JUDGED))
    journal.close()
    again = Journal(tmp_path / "journal.db")
    assert [one.id for one in again.candidates()] == ["2", "1"]
    assert [one.id for one in again.open_candidates()] == ["2"]
    assert again.counts() == {"promoted": 1, "judged": 1}
    again.close()


def test_only_open_promotions_are_replayed(tmp_path: Path) -> None:
    """An ended promotion never comes back; open ones come in the order they began."""
    journal = Journal(tmp_path / "journal.db")
    for name, state in (("p1", State.SETTLED), ("p2", State.READY), ("p3", State.SERVING)):
        journal.save_promotion(a_promotion(name, state))
    journal.save_promotion(a_promotion("p2", State.RELEASED))
    assert [(one.id, one.state) for one in journal.open_promotions()] == [
        ("p2", State.RELEASED),
        ("p3", State.SERVING),
    ]
    journal.close()


def test_what_was_saved_survives_a_kill(tmp_path: Path) -> None:
    """A process that saves and is killed at once has saved."""
    code = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from daemon.state.journal import Journal
journal = Journal(Path({str(tmp_path / "journal.db")!r}))
journal.set_fact("frozen", "yes")
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -9
    journal = Journal(tmp_path / "journal.db")
    assert journal.fact("frozen") == "yes"
    journal.close()


def test_writes_together_are_one(tmp_path: Path) -> None:
    """An error inside undoes all of them."""
    journal = Journal(tmp_path / "journal.db")
    with pytest.raises(RuntimeError), journal.together():
        journal.set_fact("a", "1")
        raise RuntimeError("stop")
    assert journal.fact("a") is None
    journal.close()


def test_a_home_of_a_newer_org_is_refused(tmp_path: Path) -> None:
    """The refusal names both schemas and leaves the file alone."""
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    db.close()
    with pytest.raises(Refused, match="newer org"):
        Journal(path)


def test_a_journal_that_is_none_is_told(tmp_path: Path) -> None:
    """Rubbish in the file is one sentence with a way out, not a traceback of SQLite."""
    path = tmp_path / "journal.db"
    path.write_bytes(b"this is not a database, not even nearly one" * 100)
    with pytest.raises(Failed, match="cannot be opened"):
        Journal(path)


def test_goals_are_chosen_in_order_until_reached(tmp_path: Path) -> None:
    """The first open goal is next; one that a promoted candidate served is done."""
    journal = Journal(tmp_path / "journal.db")
    first = goals.make(goals.new_id(journal), text="first")
    second = goals.make(goals.new_id(journal), text="second")
    journal.save_goal(first)
    journal.save_goal(second)
    assert goals.following(journal, None).id == first.id
    done = a_candidate("1", Stage.PROMOTED).model_copy(update={"wish": first})
    journal.save_candidate(done)
    assert goals.following(journal, None).id == second.id
    journal.remove_goal(second.id)
    with pytest.raises(Refused, match="no open goal"):
        goals.following(journal, None)
    journal.close()


@pytest.mark.parametrize("text", ["", "   \n", "x" * 100_000])
def test_an_impossible_goal_is_refused(text: str) -> None:
    """Empty and enormous goals are one sentence, before anything is stored."""
    with pytest.raises(Refused, match="goal"):
        goals.make("g1", text=text)
