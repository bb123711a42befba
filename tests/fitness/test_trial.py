"""What comes out of a test run: reports by id, whatever else was written beside them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitness.subject import Subject
from fitness.trial import MARKERS, REPORT_FD, _read, run_parts, run_tests, targets_in
from ops.cell import Outcome
from tests.fitness.case import MAIN, ROOT, WORDS, Repo

ENDED = Outcome(0, None, None, b"out", b"err", False, 0.1)
FILE = "tests/core/test_words.py"


def _lines(*reports: object) -> bytes:
    return b"".join(json.dumps(report).encode() + b"\n" for report in reports)


def test_a_test_has_its_worst_result() -> None:
    """A later pass cannot wash away a failure, in whichever order they come."""
    said = _lines(
        {"id": "a", "outcome": "passed"},
        {"id": "a", "outcome": "failed", "text": "no"},
        {"id": "a", "outcome": "passed"},
        {"id": "b", "outcome": "passed", "text": ""},
    )
    trial = _read(said, ENDED)
    assert trial.results == {"a": "failed", "b": "passed"}
    assert trial.texts == {"a": "no"}
    assert trial.output() == "outerr"


@given(st.binary(max_size=300))
def test_whatever_else_is_written_is_no_result(noise: bytes) -> None:
    """Noise never raises, and never hides a report on a line of its own."""
    trial = _read(noise + b"\n" + _lines({"id": "sure", "outcome": "failed"}), ENDED)
    assert trial.results["sure"] == "failed"


@pytest.mark.parametrize(
    "line", [b"null", b"3", b"[]", b"{}", b'{"id": "a"}', b"[" * 100_000, b"\xff", b'"id"']
)
def test_a_line_that_is_no_report_is_no_result(line: bytes) -> None:
    """Each was once taken for one somewhere."""
    assert _read(line + b"\n", ENDED).results == {}


def test_every_marker_of_the_project_is_left_out() -> None:
    """What needs the machine cannot run in a cell; a new marker must be named here too."""
    listed = (ROOT / "pyproject.toml").read_text().split("markers = [")[1].split("]")[0]
    names = [line.split(":")[0].strip(' "') for line in listed.splitlines() if ":" in line]
    assert sorted(names) == sorted(MARKERS.split())


@pytest.fixture(scope="module")
def nosy(repo: Repo) -> Subject:
    """A candidate whose own test tells what it can see."""
    sees = (
        "import os, pathlib, socket\n\n\n"
        "def test_walls() -> None:\n"
        "    with __import__('pytest').raises(OSError):\n"
        "        socket.create_connection(('1.1.1.1', 53), 1)\n"
        "    with __import__('pytest').raises(OSError):\n"
        "        pathlib.Path('/tree/daemon/x').write_text('')\n"
        "    assert not pathlib.Path(os.environ['HOME'], '.ssh').exists()\n"
        f"    assert not pathlib.Path({str(repo.home / 'repo.git')!r}).exists()\n"
        f"    assert not pathlib.Path({str(repo.home / 'evidence')!r}).exists()\n"
        "    assert not [k for k in os.environ if 'KEY' in k or 'ORG' in k]\n"
        f"    assert not os.get_inheritable({REPORT_FD})\n"
    )
    return repo.release({"tests/core/test_walls.py": sees})


def test_tests_run_without_network_home_or_any_way_to_write(nosy: Subject) -> None:
    """The tree is read-only; neither the repo nor evidence nor keys are in sight."""
    root = nosy.job.candidate_dir
    trial = run_tests(nosy, root, root, ("tests/core/test_walls.py",), 60.0)
    assert trial.results == {"tests/core/test_walls.py::test_walls": "passed"}, trial


def test_settings_are_mains_whoevers_tests_run(repo: Repo) -> None:
    """A candidate's own settings could deselect, or turn warnings off."""
    warns = WORDS.replace("    return", "    import warnings; warnings.warn('old')\n    return")
    lax = MAIN["pyproject.toml"].replace('filterwarnings = ["error"]', "")
    subject = repo.release({"daemon/core/words.py": warns, "pyproject.toml": lax})
    root = subject.job.candidate_dir
    trial = run_tests(subject, root, root, targets_in(root), 60.0)
    assert trial.results[f"{FILE}::test_two"] == "failed"
    assert "UserWarning: old" in trial.texts[f"{FILE}::test_two"]


def test_a_run_that_hangs_is_stopped_and_what_it_reported_counts(repo: Repo) -> None:
    """The limit is named, so that nobody takes silence for success."""
    hangs = "import threading\n\n\ndef test_z() -> None:\n    threading.Event().wait()\n"
    subject = repo.release({"tests/core/test_zz.py": hangs})
    root = subject.job.candidate_dir
    trial = run_tests(subject, root, root, (FILE, "tests/core/test_zz.py"), 8.0)
    assert trial.ended.limit == "wall"
    assert trial.results[f"{FILE}::test_two"] == "passed"
    assert "tests/core/test_zz.py::test_z" not in trial.results


def test_parts_say_what_one_run_says(repo: Repo) -> None:
    """Results of all, the exit code of all together; a part that broke is told."""
    more = "def test_{0}() -> None:\n    assert {1}\n"
    files = {f"tests/core/test_{name}.py": more.format(name, name != "c") for name in "abc"}
    root = repo.release(files).job.candidate_dir
    subject = repo.candidate(files)
    whole = run_tests(subject, root, root, ("tests/core",), 60.0)
    parts = run_parts(subject, root, root, ("tests/core",), 60.0)
    assert dict(parts.results) == dict(whole.results)
    assert parts.ended.exit == whole.ended.exit == 1
    leaves = {**files, "tests/core/test_d.py": "import os\nos._exit(9)\n"}
    root = repo.release(leaves).job.candidate_dir
    assert run_parts(subject, root, root, ("tests/core",), 60.0).ended.exit == 9
