"""The keeper's table: every pair of it, and what follows from it."""

from __future__ import annotations

import pytest

from daemon.core.keeping import NEXT, TRIES_MAX, Do, Program, Seen, decide

PAIRS = [(program, seen) for program in Program for seen in Seen]


@pytest.mark.parametrize(("program", "seen"), PAIRS)
def test_every_pair_is_decided(program: Program, seen: Seen) -> None:
    """Whatever the keeper sees of whichever program, the table knows what to do."""
    assert decide(program, seen, 1) in Do
    assert len(NEXT) == len(PAIRS)


@pytest.mark.parametrize("seen", [Seen.CRASHED, Seen.SILENT])
def test_the_good_one_is_never_given_up(seen: Seen) -> None:
    """There is nothing to fall back to: it is started again, however often it failed."""
    assert decide(Program.GOOD, seen, 1000) is Do.AGAIN


def test_a_trial_ends_after_so_many_crashes() -> None:
    """One crash may be an accident; the last try that is allowed ends it."""
    assert decide(Program.TRIAL, Seen.CRASHED, TRIES_MAX - 1) is Do.AGAIN
    assert decide(Program.TRIAL, Seen.CRASHED, TRIES_MAX) is Do.FALL_BACK


def test_a_trial_that_hangs_ends_at_once() -> None:
    """Waiting for a second silence would double the time in which nobody decides anything."""
    assert decide(Program.TRIAL, Seen.SILENT, 1) is Do.FALL_BACK


@pytest.mark.parametrize("program", Program)
def test_what_was_asked_to_end_is_not_started_again(program: Program) -> None:
    """`orgctl down` is no failure, on trial neither."""
    assert decide(program, Seen.ASKED, TRIES_MAX) is Do.END
