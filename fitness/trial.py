"""Tests of one tree run on the code of another, each result by the test's id."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fitness.controls import FAILED, Controls, drawn
from fitness.subject import Subject
from ops.cell import Mount, Outcome

INSIDE = Path("/tree")
SETTINGS, TESTS = "pyproject.toml", "tests"
REPORTER = Path(__file__).parent / "reporter.py"
REPORTER_INSIDE = Path("/judge/reporter.py")
REPORT_FD = 5
REPORT_BYTES_MAX = 64 * 2**20
OUTPUT_BYTES_MAX = 20_000
# pytest's exit codes; the last is for files whose tests are all passed over.
ALL_PASSED, SOME_FAILED, NOTHING_RAN = 0, 1, 5
ENDED_WELL = (ALL_PASSED, SOME_FAILED, NOTHING_RAN)
COLLECT_ONLY = "--collect-only"
# A test that starts the program that serves waits for it half of its time: two a processor.
PARTS_MAX = 2 * (os.cpu_count() or 1)
# The tests that need neither cells of their own nor the machine.
GATE_TEST_PATHS = (
    "tests/core",
    "tests/state",
    "tests/agent",
    "tests/broker",
    "tests/orchestrator",
    "tests/test_house.py",
)
MARKERS = "process journey crash attack guest docker browser model valkey peer"
SELECTED = " and ".join(f"not {marker}" for marker in MARKERS.split())
FLAGS = (
    "-q",
    "--import-mode=importlib",
    "-p",
    "no:cacheprovider",
    "-c",
    str(INSIDE / SETTINGS),
    "--rootdir",
    str(INSIDE),
    "-m",
    SELECTED,
)
ENVIRONMENT = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/hypothesis",
}


@dataclass(frozen=True)
class Trial:
    """Results by id; a test that reported twice has its worst result."""

    results: Mapping[str, str]
    texts: Mapping[str, str]
    ended: Outcome
    forged: bool = False  # the run's own controls did not end as they must

    def output(self) -> str:
        """The end of what the run printed: for people, never for the verdict."""
        said = self.ended.stdout + self.ended.stderr
        return said[-OUTPUT_BYTES_MAX:].decode("utf-8", "replace")


def targets_in(tests_of: Path) -> tuple[str, ...]:
    """The gate's test paths that this tree has."""
    return tuple(path for path in GATE_TEST_PATHS if (tests_of / path).exists())


def run_tests(
    subject: Subject, code: Path, tests_of: Path, targets: tuple[str, ...], seconds: float
) -> Trial:
    """`tests/` of `tests_of` laid over `code`, with main's settings, in a cell, read-only."""
    if COLLECT_ONLY in targets:
        return _run(subject, (code, tests_of / TESTS), targets, seconds)
    controls = drawn()
    with TemporaryDirectory(dir=subject.job.evidence, suffix=".scratch") as scratch:
        tests = Path(scratch) / TESTS
        shutil.copytree(tests_of / TESTS, tests, symlinks=True)
        place = Path(secrets.choice(targets).split("::")[0])
        place = place.parent if place.suffix else place
        controls.lay(Path(scratch) / place)
        # Last, where files are asked for: whoever leaves from a test has to guess their results.
        asked = tuple(dict.fromkeys((*targets, str(place / controls.file))))
        trial = _run(subject, (code, tests), asked, seconds)
    return controlled(trial, controls)


def controlled(trial: Trial, controls: Controls) -> Trial:
    """Without the controls, as if they had never been in it.

    As some of them fail, no run of them all ends with success.
    """
    results, held = controls.parted(trial.results)
    held = held and trial.ended.exit != ALL_PASSED
    texts = {name: text for name, text in trial.texts.items() if name in results}
    ended = trial.ended
    if held and ended.exit == SOME_FAILED and FAILED not in results.values():
        ended = replace(ended, exit=ALL_PASSED)
    return Trial(results, texts, ended, not held)


def _run(
    subject: Subject, trees: tuple[Path, Path], targets: tuple[str, ...], seconds: float
) -> Trial:
    code, tests = trees
    settings = subject.job.base_dir / SETTINGS
    mounts = [Mount(code, INSIDE), Mount(REPORTER, REPORTER_INSIDE)]
    mounts.append(Mount(settings, INSIDE / SETTINGS))
    if tests != code / TESTS:
        mounts.append(Mount(tests, INSIDE / TESTS))
    python = str(subject.job.python)
    argv = (python, "-I", str(REPORTER_INSIDE), str(INSIDE), *FLAGS, *targets)
    run = {"directory": str(INSIDE), "environment": ENVIRONMENT}
    return reported(subject, argv, tuple(mounts), seconds, **run)


def run_parts(
    subject: Subject, code: Path, tests_of: Path, targets: tuple[str, ...], seconds: float
) -> Trial:
    """The same in several cells at the same time, each with about as much of the files."""
    parts = _parts(tests_of, targets)
    with ThreadPoolExecutor(len(parts)) as pool:
        asked = [pool.submit(run_tests, subject, code, tests_of, part, seconds) for part in parts]
        return _together([one.result() for one in asked])


def _parts(tests_of: Path, targets: tuple[str, ...]) -> list[tuple[str, ...]]:
    """By size, for want of anything better: the largest first, each to the smallest part."""
    files = {file for target in targets for file in _test_files(tests_of / target)}
    parts: list[list[str]] = [[] for _ in range(min(PARTS_MAX, len(files)))]
    sizes = [0] * len(parts)
    for file in sorted(files, key=lambda one: (-one.stat().st_size, one)):
        at = sizes.index(min(sizes))
        parts[at].append(str(file.relative_to(tests_of)))
        sizes[at] += file.stat().st_size
    return [tuple(sorted(part)) for part in parts] or [targets]


def _test_files(target: Path) -> list[Path]:
    if target.is_file():
        return [target]
    return [file for pattern in ("test_*.py", "*_test.py") for file in target.rglob(pattern)]


def _together(trials: list[Trial]) -> Trial:
    """As one run: a part that did not come to its end is how the whole ended."""
    results: dict[str, str] = {}
    for trial in trials:
        results |= trial.results
    texts = {name: text for trial in trials for name, text in trial.texts.items()}
    codes = {trial.ended.exit for trial in trials} - {NOTHING_RAN}
    odd = [one.ended for one in trials if one.ended.limit or one.ended.exit not in ENDED_WELL]
    ended = odd[0] if odd else trials[0].ended
    exit_code = (
        ended.exit
        if odd
        else max((code for code in codes if code is not None), default=NOTHING_RAN)
    )
    output = b"".join(trial.ended.stdout for trial in trials)
    whole = replace(ended, exit=exit_code, stdout=output)
    return Trial(results, texts, whole, any(trial.forged for trial in trials))


def reported(
    subject: Subject, argv: tuple[str, ...], mounts: tuple[Mount, ...], seconds: float, **run: Any
) -> Trial:
    """What the tests of one run in a cell say of themselves, each on the reporter's descriptor."""
    ours, theirs = socket.socketpair()
    key = secrets.token_hex(16).encode()
    held = bytearray()
    reader = threading.Thread(target=_drain, args=(ours, held))
    reader.start()
    try:
        ours.sendall(key)
        ended = subject.cell(argv, mounts, seconds, fds={REPORT_FD: theirs.fileno()}, **run)
    finally:
        theirs.close()
        reader.join()
        ours.close()
    return _read(_signed(bytes(held), key), ended)


def _drain(ours: socket.socket, held: bytearray) -> None:
    with contextlib.suppress(ConnectionError):  # it ended before it took the key
        while piece := ours.recv(65536):
            if len(held) < REPORT_BYTES_MAX:
                held += piece


def _signed(said: bytes, key: bytes) -> bytes:
    """The lines that begin with the key.

    Code of the same process can find it there, or report in the name of pytest. The controls
    see most of that, and not all: what depends on such a run may only reject.
    """
    own = (line for line in said.split(b"\n") if line.startswith(key + b" "))
    return b"\n".join(line.removeprefix(key + b" ") for line in own)


def _read(said: bytes, ended: Outcome) -> Trial:
    """What was reported; a line that is no report is no result."""
    results: dict[str, str] = {}
    texts: dict[str, str] = {}
    for line in said.split(b"\n"):
        try:
            report = json.loads(line)
            name, outcome = str(report["id"]), str(report["outcome"])
        except (ValueError, LookupError, TypeError, RecursionError):
            continue
        if results.get(name, "passed") == "passed":
            results[name] = outcome
            texts[name] = str(report.get("text", ""))
    return Trial(results, {name: text for name, text in texts.items() if text}, ended)
