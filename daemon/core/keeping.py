"""Which supervisor runs: the good one, or a new one on trial; the keeper's table.

A release that changes the supervisor is first run on trial, as the former one's release
serves on. The table decides from what the keeper saw; the keeper performs.
"""

from __future__ import annotations

from enum import StrEnum

RENEW_CODE = 75  # the exit code of a supervisor that makes way for what is on trial
TRIES_MAX = 2  # starts of a program on trial, counted on disk before each one


class Program(StrEnum):
    GOOD = "good"
    TRIAL = "trial"


class Seen(StrEnum):
    ASKED = "asked"  # it ended because somebody wanted it to
    RENEWS = "renews"  # it ended to let the program on trial take over
    CRASHED = "crashed"
    SILENT = "silent"  # no sign of life, or never ready
    BLESSED = "blessed"  # it says that it holds


class Do(StrEnum):
    END = "end"
    AGAIN = "again"  # the same program, after a pause that grows
    TRY = "try"  # what is on trial now
    FALL_BACK = "fall-back"  # the good one, at once; the one on trial is set aside
    KEEP = "keep"  # what was on trial is the good one from now on
    NOTHING = "nothing"


NEXT: dict[tuple[Program, Seen], Do] = {
    (Program.GOOD, Seen.ASKED): Do.END,
    (Program.GOOD, Seen.RENEWS): Do.TRY,
    (Program.GOOD, Seen.CRASHED): Do.AGAIN,
    (Program.GOOD, Seen.SILENT): Do.AGAIN,
    (Program.GOOD, Seen.BLESSED): Do.NOTHING,
    (Program.TRIAL, Seen.ASKED): Do.END,
    (Program.TRIAL, Seen.RENEWS): Do.TRY,
    (Program.TRIAL, Seen.CRASHED): Do.AGAIN,
    (Program.TRIAL, Seen.SILENT): Do.FALL_BACK,
    (Program.TRIAL, Seen.BLESSED): Do.KEEP,
}


def decide(program: Program, seen: Seen, tries: int) -> Do:
    """What the keeper does; `tries` is how often the program on trial was started."""
    do = NEXT[program, seen]
    if program is Program.TRIAL and do is Do.AGAIN and tries >= TRIES_MAX:
        return Do.FALL_BACK
    return do
