"""Good, on trial, failed: what the three files say after each decision."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.core.keeping import Do, Program
from daemon.state.programs import Code, Programs
from ops.layout import Layout

OLD = Code(root=Path("/releases/old"), python=Path("/venvs/old/bin/python"))
NEW = Code(root=Path("/releases/new"), python=Path("/venvs/new/bin/python"))


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    """An instance whose good program is OLD and that was offered NEW."""
    layout = Layout(tmp_path)
    layout.state.mkdir()
    found = Programs(layout)
    found.begin(OLD)
    assert found.choose() == (Program.GOOD, OLD)
    found.offer(NEW)
    return found


def test_each_start_on_trial_is_counted_before_it_happens(programs: Programs) -> None:
    """A machine that loses power while it starts has used up a try all the same."""
    assert [programs.choose()[1].tries for _ in range(3)] == [1, 2, 3]


def test_what_holds_becomes_the_good_one(programs: Programs) -> None:
    """And its tries are forgotten with the trial."""
    programs.choose()
    programs.settle(Do.KEEP)
    assert programs.choose() == (Program.GOOD, NEW)
    assert programs.trial() is None


def test_what_does_not_hold_is_set_aside(programs: Programs) -> None:
    """The good one is chosen again, and who failed is remembered with the reason."""
    programs.choose()
    programs.settle(Do.FALL_BACK, "it crashed")
    assert programs.choose() == (Program.GOOD, OLD)
    failed = programs.failed()
    assert failed is not None
    assert (failed.root, failed.reason) == (NEW.root, "it crashed")


def test_a_wanted_end_is_no_try(programs: Programs) -> None:
    """Going down and up again while on trial begins to count anew."""
    programs.choose()
    programs.settle(Do.END)
    assert programs.choose()[1].tries == 1
