"""No command in a cell uses more than it was given, whoever makes the cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.cell import Mount, Written
from tests.ops.cells import (
    END_SECONDS,
    MIB,
    Maker,
)


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("[open('/dev/null') for _ in range(500)]", {"open_files": 64}),
        ("open('/tmp/f', 'wb').write(b'x' * 2**21)", {"file_bytes": MIB}),
    ],
)
def test_what_one_process_may_use_is_bounded(
    cells: Maker, code: str, changed: dict[str, int]
) -> None:
    """Descriptors and file size end in an error inside, and only there."""
    done = cells.python(code, **changed)
    assert done.exit == 1, done
    assert b"OSError" in done.stderr


def test_a_child_that_writes_too_much_is_told_by_its_limit(cells: Maker) -> None:
    """The signal means the limit."""
    done = cells.shell("sh -c 'yes >/tmp/f; exit $?'; exit $?", file_bytes=MIB)
    assert (done.exit, done.limit) == (None, "file"), done


def test_memory_is_bounded_for_all_together(cells: Maker) -> None:
    """Four that each keep below the limit pass it together, and that ends them."""
    code = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = bytearray(96 * 2**20)
        time.sleep(30)
time.sleep(30)
"""
    done = cells.python(code, memory_bytes=256 * MIB, wall_seconds=20.0)
    assert done.limit == "memory", done
    assert done.seconds < 10


def test_processes_are_bounded(cells: Maker) -> None:
    """A loop of forks meets its limit inside; nothing outside notices."""
    code = """
import os, time
made = 0
try:
    for _ in range(500):
        if os.fork() == 0:
            time.sleep(30)
        made += 1
except OSError:
    print(made < 64)
"""
    done = cells.python(code, processes=64)
    assert done.stdout == b"True\n", done
    assert done.seconds < END_SECONDS + 3 + cells.slack_seconds


@pytest.mark.parametrize("workers", [1, 3])
def test_processor_time_is_bounded(cells: Maker, workers: int) -> None:
    """Of one that spins, and of several together."""
    code = f"import os\nfor _ in range({workers - 1}): os.fork()\nwhile True: pass"
    done = cells.python(code, cpu_seconds=1, wall_seconds=20.0)
    assert (done.exit, done.limit) == (None, "cpu"), done


def test_what_it_writes_outside_is_bounded(cells: Maker, tmp_path: Path) -> None:
    """Many files that are each small enough fill no disk, and holes in files count for nothing."""
    mount = Mount(tmp_path, Path("/room"), writable=True)
    holes = cells.shell("truncate -s 1G /room/hole; sleep 0.6", mount, disk_bytes=32 * MIB)
    assert (holes.exit, holes.limit) == (0, None)
    done = cells.shell(
        "i=0; while :; do i=$((i+1)); head -c 4M /dev/zero >/room/$i; done",
        mount,
        disk_bytes=32 * MIB,
        wall_seconds=30.0,
    )
    assert done.limit == "disk", done


def test_endless_output_is_cut(cells: Maker) -> None:
    """The limit is told, and what was said before it is kept."""
    done = cells.shell("yes", output_bytes=100_000)
    assert (done.limit, done.truncated, len(done.stdout)) == ("output", True, 100_000)


@pytest.mark.parametrize(("made", "told"), [(3_000, True), (50, False)])
def test_files_without_content_count_by_their_number(tmp_path: Path, made: int, told: bool) -> None:
    """They take no bytes of the disk, but the disk has an end of names too."""
    written = Written([Mount(tmp_path, tmp_path, writable=True)], 2**40, 100)
    for number in range(made):
        (tmp_path / str(number)).touch()
    assert written.too_much() is told
