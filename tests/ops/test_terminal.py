"""What people see in a terminal: top at 80 columns, pictures as files, completions, the manual."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ops import pictures, render
from ops.orgctl.plot import _png
from ops.orgctl.top import _picture

ROOT = Path(__file__).resolve().parents[2]
ORGCTL = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "ops.orgctl"]
HOSTILE = "\x1b[2J\x1b]0;gone\x07 goal\r\n<b>"
STATES = [
    {"id": f"2026112{n % 10}T00000{n}Z", "state": ("promoted", "rejected")[n % 2], "tokens": 9 * n}
    for n in range(9)
]
GATES = [
    {"candidate": one["id"], "name": name, "passed": one["state"] == "promoted", "seconds": 1.5,
     "reason": "<&>", "at": 1.0}
    for one in STATES for name in ("paths", "tests")
]  # fmt: skip
MEASURES = [
    {"release": f"release/{n}", "name": name, "ratio": 1.0, "low": 0.9, "high": 1.3, "pairs": 96}
    for n in range(9) for name in ("the <page>", "a stream")
]  # fmt: skip
SPENT = {"newest": {"promoted": 2, "money": 3.0}}
RELEASES: list[dict[str, Any]] = [
    {"kind": "rollback", "tag": "rollback/1", "commit": "c3", "at": 300, "restores": "release/0",
     "reason": "slow <p99>", "goal": None, "candidate": None},
    {"kind": "promotion", "tag": "release/1", "commit": "c2", "at": 200, "restores": None,
     "reason": None, "goal": "quicker", "candidate": "x"},
    {"kind": "first", "tag": "release/0", "commit": "c1", "at": 100, "restores": None,
     "reason": None, "goal": None, "candidate": None},
]  # fmt: skip


def found() -> dict[str, Any]:
    slot = {"port": 7001, "state": "serving", "commit": "c" * 40, "tag": "release/12", "pid": 1}
    gate = {"at": 1.0, "kind": "gate.ended", "candidate": "x", "seconds": 1.0, "reason": HOSTILE}
    events = [gate | {"number": n, "name": f"g{n}", "passed": n % 2 == 0} for n in range(60)]
    return {
        "supervisor": {"uptime_s": 7300, "state": "ready"},
        "slots": {"current": slot, "candidate": slot | {"state": "empty", "branch": "cand/x"}},
        "counts": {"promoted": 12, "rejected": 30, "rolled_back": 2, "open": 1},
        "tokens_today": 1_234_567,
        "frozen": True,
        "cycle": {"candidate": "x", "state": "built"},
        "promotion": None,
        "goal": HOSTILE * 9,
        "events": events,
    }


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (132, 50), (40, 20)])
def test_top_fits_its_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int, lines: int
) -> None:
    """No line is longer than the screen is wide, nothing foreign is obeyed, no gate is lost."""
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = render.console(folds=True)
    screen.print(_picture(found(), screen.width, lines))
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "release/12   FROZEN" in shown
    assert max(len(row) for row in shown.splitlines()) <= columns
    gates = [f"{'✗' if n % 2 else '✓'} g{n} " for n in range(60)]
    assert [one for one in gates if one not in shown] == []
    assert "gate" in shown


@pytest.mark.parametrize(
    "picture",
    [
        pictures.outcomes(STATES, GATES),
        pictures.spending(STATES),
        pictures.heat(GATES),
        pictures.durations(GATES, "tests"),
        pictures.measure(MEASURES, "the <page>"),
        pictures.measure([], "nothing"),
        pictures.sheet(STATES, GATES, MEASURES, SPENT),
        pictures.sheet([], [], [], {"newest": {"promoted": 0, "money": None}}),
        pictures.timeline(RELEASES, 400.0),
        pictures.timeline([RELEASES[1] | {"goal": HOSTILE + "\x00", "reason": HOSTILE}], 400.0),
        pictures.lineage(
            [{"candidate": "x", "state": "promoted", "goal": "<g>", "base": "c1", "merge": "c2",
              "release": "release/1"}], RELEASES),
        pictures.strip(STATES),
        pictures.outcomes([], []),
        pictures.timeline([], 1.0),
        pictures.lineage([], []),
        pictures.strip([]),
    ],
    ids=lambda text: text.split("<title>")[1].split("<")[0],
)  # fmt: skip
def test_pictures_are_whole_and_have_a_name(picture: str) -> None:
    """Well-formed XML with a title; alone as a file too, and as a PNG."""
    root = ElementTree.fromstring(picture)
    assert root.find("{http://www.w3.org/2000/svg}title") is not None
    alone = pictures.standalone(picture)
    ElementTree.fromstring(alone)
    assert "style=" not in picture
    assert _png(alone).startswith(b"\x89PNG")


def on_a_terminal(code: str, **environment: str) -> str:
    """What Python shows there."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, stdout=theirs, env=environment, check=True
        )
        os.close(theirs)
        return screen.read(4096).decode()


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({}, "\x1b[97;40m somebody \x1b[0m\r\n"),
        ({"NO_COLOR": ""}, "\x1b[97;40m somebody \x1b[0m\r\n"),
        ({"NO_COLOR": "1"}, "── somebody ──\r\n"),
        ({"TERM": "dumb"}, "── somebody ──\r\n"),
    ],
)
def test_a_banner_is_plain_for_who_wants_no_colours(
    environment: dict[str, str], shown: str
) -> None:
    """NO_COLOR, as it is written down at no-color.org: an empty one says nothing."""
    code = "from ops.chatting import Chat; Chat(None, False)._banner('somebody')"
    found = on_a_terminal(code, **{"TERM": "xterm", "LANG": "C.UTF-8", **environment})
    assert found == shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_printed(shell: str) -> None:
    done = subprocess.run([*ORGCTL, "completion", shell], capture_output=True, text=True)
    assert done.returncode == 0
    assert "_ORGCTL_COMPLETE" in done.stdout


def test_a_shell_is_told_the_verbs() -> None:
    """What bash asks for when a person presses Tab."""
    asked = {"_ORGCTL_COMPLETE": "complete_bash", "COMP_WORDS": "orgctl ro", "COMP_CWORD": "1"}
    environment = {"PATH": os.environ["PATH"], **asked}
    done = subprocess.run(ORGCTL, capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["rollback"]


def test_the_manual_names_every_verb() -> None:
    said = subprocess.run([*ORGCTL, "manual"], capture_output=True, text=True).stdout
    assert said.startswith(".TH ORGCTL 1")
    for verb in ("init", "rollback", "goal add", "token remove", "plot"):
        assert f".B {verb}\n" in said
