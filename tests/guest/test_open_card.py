"""The card's wall is opened on purpose, where no host is but the test's: the others hold."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vm import prove
from vm.guest_line import GuestLine
from vm.qemu import EXEC

pytestmark = pytest.mark.guest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ("-m", "tests.guest.open_net")
REACHED_MIN = 8  # without any wall, so many ways lead out: else nothing would be proved


@pytest.fixture(scope="module")
def folder(made: Path, place: Path) -> Iterator[Path]:
    """A booted guest with an open card, in a network namespace of its own."""
    machine = place / f"open-{os.getpid()}"
    started = subprocess.Popen(
        ["unshare", "--net", sys.executable, *PROGRAM, str(machine), str(made)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdin is not None and started.stdout is not None
    try:
        said = started.stdout.readline()
        assert said, "the guest did not boot"
        assert json.loads(said)["up"]["restrict"] == "off"
        yield machine
    finally:
        said, _ = started.communicate("", timeout=120)
        print("reached:", said)
        shutil.rmtree(machine, ignore_errors=True)


def test_the_doctor_sees_the_open_card(folder: Path) -> None:
    """There is a gateway: red, with what to do."""
    with GuestLine(folder / EXEC) as line:
        found = json.loads(line.run(["orgctl", "doctor", "--json"], 240.0).out)
    bad = [one for one in found["checks"] if one["needed"] and not one["ok"]]
    assert [one["name"] for one in bad] == ["network"], bad
    assert "orgctl vm up" in bad[0]["remedy"]


def test_the_rules_hold_alone_and_so_does_the_cell(folder: Path) -> None:
    """With the rules nobody gets out; without them root does, and a cell still does not."""
    with GuestLine(folder / EXEC) as line:
        rules_alone = prove.ways(line)
        line.run(["nft", "flush", "ruleset"])
        nothing_else = prove.ways(line)
    print("\nthe card is open\n" + "\n".join(prove.lines(rules_alone)))
    print("\nthe card is open, the rules are gone\n" + "\n".join(prove.lines(nothing_else)))
    assert prove.escapes(rules_alone) == []
    out = [one for one in prove.escapes(nothing_else) if one.startswith("root:")]
    assert len(out) >= REACHED_MIN, out
    assert [one for one in prove.escapes(nothing_else) if one.startswith("cell:")] == []
