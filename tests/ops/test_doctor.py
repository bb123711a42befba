"""The doctor always has an answer, and in time: also where what it asks never answers."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from ops import doctor
from ops.checks import Check
from ops.layout import Layout
from tests.serving import Handler, serving

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 2.5
LEFT_SECONDS = 8.0  # that what hangs outlives the doctor by
ANSWER_SECONDS_MAX = 30.0
EXAMINE = """import json, sys
from pathlib import Path
from ops import doctor
from ops.checks import Check
from ops.layout import Layout
from ops.layout import Layout
print(json.dumps(doctor.examine(Layout(Path(sys.argv[1])), float(sys.argv[2]))))
"""


class _Dripping(Handler):
    """Never silent for as long as a client waits for the next byte, and never done."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        until = time.monotonic() + LEFT_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(OSError):  # who asked is gone
                self.wfile.write(b" ")
                self.wfile.flush()
            time.sleep(0.1)


@pytest.fixture
def dripping() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Dripping)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_address[1]}"


def test_checks_that_hang_have_failed_when_the_time_is_up(tmp_path: Path, dripping: str) -> None:
    """Each by its name, every other as it is; the process ends, whatever still hangs in it."""
    hanging = tmp_path / "bin" / "git"
    hanging.parent.mkdir()
    hanging.write_text(f"#!/bin/sh\nexec sleep {LEFT_SECONDS:g}\n")
    hanging.chmod(0o755)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "org.toml").write_text(f'[model]\nbase = "{dripping}"\n')
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", EXAMINE, str(tmp_path / "home"), str(SECONDS)],
        cwd=ROOT,
        env={"PATH": f"{hanging.parent}:/usr/bin:/bin:/usr/sbin:/sbin"},
        stdout=subprocess.PIPE,
        check=True,
    )
    assert time.monotonic() - began < 2 * SECONDS  # for all together, not for each that hangs
    found = json.loads(done.stdout)
    checks = {one["name"]: one for one in found["checks"]}
    late = {name for name, one in checks.items() if "not done within 2.5 s" in one["detail"]}
    assert late == {"git", "model"}
    assert (found["ok"], checks["git"]["needed"], checks["model"]["needed"]) == (False, True, False)
    assert checks["home"]["ok"] and checks["python"]["ok"]
    assert list(checks) == [look.__name__ for look in doctor.CHECKS if look is not doctor.signing]


def test_the_doctor_answers_within_half_a_minute() -> None:
    """With what a start and a table take."""
    assert doctor.SECONDS_MAX <= ANSWER_SECONDS_MAX - 5


def test_a_check_that_breaks_is_told_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def model(_: Layout) -> Check:
        raise TypeError("not so")

    monkeypatch.setattr(doctor, "CHECKS", (doctor.python, model))
    told = doctor.examine(Layout(tmp_path))
    assert not told["ok"]
    assert [(one["name"], one["ok"]) for one in told["checks"]] == [
        ("python", True),
        ("model", False),
    ]
    assert told["checks"][1]["detail"] == "TypeError: not so"
