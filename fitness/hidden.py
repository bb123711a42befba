"""What the judged may not read: the answers to the tasks that it is judged by."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ops.cell import Mount

ANSWERS = ("fitness/suites/behaviour", "tests/fitness/behaviour")


def without_answers(
    mounts: Iterable[Mount], empty: Path, more: Iterable[str] = ()
) -> tuple[Mount, ...]:
    """The mounts, and over the answers, and `more`, in any of them an empty folder."""
    given = tuple(mounts)
    empty.mkdir(mode=0o755, parents=True, exist_ok=True)
    folders = [(mount, name) for mount in given for name in (*ANSWERS, *more)]
    there = [(mount, name) for mount, name in folders if (mount.source / name).is_dir()]
    return (*given, *(Mount(empty, mount.target / name) for mount, name in there))
