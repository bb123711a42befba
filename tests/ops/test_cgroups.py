"""Control groups: what is counted, what is refused, and an end that leaves none behind."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from ops import cgroup_ground
from ops.cgroup_ground import PREFIX, Ground, ground
from ops.cgroups import Counted, Group, Use
from ops.errors import Failed

WORDS = {
    1: {
        "cpuacct.usage": "1500000000\n",
        "memory.max_usage_in_bytes": "123\n",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
        "pids.peak": "7\n",
        "pids.events": "max 3\n",
    },
    2: {
        "cpu.stat": "usage_usec 1500000\nuser_usec 1\nsystem_usec 1\n",
        "memory.peak": "123\n",
        "memory.events": "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n",
        "pids.peak": "7\n",
        "pids.events": "max 3\n",
    },
}
ASKING, ROUNDS = 4, 50
CONTROLLERS = ("pids", "memory", "cpuacct")


@pytest.mark.parametrize("version", WORDS)
def test_both_versions_say_the_same_in_other_words(tmp_path: Path, version: int) -> None:
    """Processor time, memory, processes, and which limits were met."""
    for name, text in WORDS[version].items():
        (tmp_path / name).write_text(text)
    counted = Counted(version, dict.fromkeys(CONTROLLERS, tmp_path))
    assert counted.use() == Use(1.5, 123, 7, ("processes", "memory"))


@pytest.mark.parametrize("version", WORDS)
def test_what_a_kernel_does_not_tell_is_not_known(tmp_path: Path, version: int) -> None:
    """Older ones lack some files; a group that is gone lacks all."""
    assert Counted(version, dict.fromkeys(CONTROLLERS, tmp_path)).use() == Use()


def test_a_group_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Fail closed: where limits were promised, nothing runs without them."""
    missing = Ground(2, dict.fromkeys(CONTROLLERS, tmp_path / "none"))
    with pytest.raises(Failed, match="no control group"):
        Group(missing)


def test_many_may_ask_at_once_where_groups_can_be_made() -> None:
    """Each would try the same folder, and find it there, made by another."""
    wanted, together = ground(), Barrier(ASKING)

    def asked(_: int) -> Ground | None:
        together.wait()
        return ground()

    with ThreadPoolExecutor(ASKING) as threads:
        for _ in range(ROUNDS):
            cgroup_ground._ground.cache_clear()
            assert list(threads.map(asked, range(ASKING))) == [wanted] * ASKING


def test_the_end_of_a_group_is_the_end_of_all_in_it() -> None:
    """Processes in sessions of their own as well; the group itself is gone, its count is kept."""
    found = ground()
    if found is None:
        assert os.geteuid() != 0 or not Path("/sys/fs/cgroup/pids").exists()
        return
    group = Group(found)
    group.limit(2**30, 64)
    command = "while ! [ -e /proc/self/root/nowhere ]; do sleep 0.01; done & setsid sleep 60 & wait"
    child = subprocess.Popen(["sh", "-c", f"read go; {command}"], stdin=subprocess.PIPE)
    with child:
        group.take(child.pid)
        assert child.stdin is not None
        child.stdin.write(b"go\n")
        child.stdin.flush()
        while (group.use().processes or 0) < 3:
            assert child.poll() is None
        group.end()
        assert child.wait(5) == -9
    assert (group.use().processes or 0) >= 3
    mine = [folder.glob(f"{PREFIX}{os.getpid()}-*") for folder in found.folders.values()]
    assert [path for paths in mine for path in paths] == []
