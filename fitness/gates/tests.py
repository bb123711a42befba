"""Main's tests pass on the candidate's code, every one of them.

Why: the tests that count are those the candidate could not edit. Their ids come
from main, so a test that never reports is as bad as one that fails, and one that
the candidate took away would be missed by every candidate after it.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fitness.controls import FAILED, PASSED
from fitness.policy import is_below
from fitness.subject import Subject
from fitness.trial import (
    ALL_PASSED,
    COLLECT_ONLY,
    GATE_TEST_PATHS,
    SOME_FAILED,
    Trial,
    run_parts,
    run_tests,
    targets_in,
)
from fitness.verdict import Verdict, failed, passed
from ops.files import write_atomic

NAME = "tests"
QUESTION = "Do main's tests pass on the candidate's code?"
STAGE = "work"
LIMIT_SECONDS = 1200.0  # two runs
SERVED = False
RUN_SECONDS = 560.0
WHOSE = "main's tests"
NAMED_MAX = 5
TEXTS_MAX = 50
_one_run = threading.RLock()  # main's run asks for main's ids
TEST_NAME = re.compile(rb"^[ \t]*(?:async[ \t]+)?def[ \t]+(test_\w+)", re.MULTILINE)


Expected = Mapping[str, str]  # test id -> outcome


@dataclass(frozen=True)
class Worse:
    """Tests that did not do as well as was expected; `what` goes before their names."""

    names: tuple[str, ...]
    what: str
    trial: Trial | None = None


NOBODY = Worse((), "judge nobody, for they did not run to their end on main")


def judge(subject: Subject) -> Verdict:
    job = subject.job
    if gone := removed(subject):
        return named(NAME, Worse(tuple(gone), "were removed"), WHOSE)
    targets = targets_in(job.base_dir)
    with ThreadPoolExecutor(1) as beside:
        beside.submit(supposed, subject)  # while the other half of the machine is idle
        trial = run_parts(subject, job.candidate_dir, job.base_dir, targets, RUN_SECONDS)
    if (found := weigh(subject, trial, dict)) is not None:
        return named(NAME, found, WHOSE)
    subject.results.update(trial.results)
    others = sum(outcome != PASSED for outcome in trial.results.values())
    told = f"{len(trial.results) - others} tests of main passed"
    return passed(NAME, told + (f"; {others} do not pass on main either" if others else ""))


def weigh(subject: Subject, trial: Trial, choose: Callable[[Expected], Expected]) -> Worse | None:
    """What of the chosen expectation did not come true; None when all of it did.

    First every test of main is supposed to pass. Only when that does not come true
    main's own run is asked for, which takes as long as the candidate's.
    """
    if trial.ended.limit:
        return compare(trial, {})
    for asked in (supposed, baseline):
        known = asked(subject)
        found = compare(trial, choose(known)) if known else NOBODY
        if found is None:
            return None
    return found


def is_test_file(path: str) -> bool:
    return path.endswith(".py") and path.rsplit("/", 1)[-1].startswith("test_")


def own_targets(subject: Subject) -> tuple[str, ...]:
    """The test files that the candidate added or changed, where gates may run them."""
    return tuple(
        change.path
        for change in subject.changes()
        if change.status != "D"
        and is_test_file(change.path)
        and is_below(change.path, GATE_TEST_PATHS)
    )


def removed(subject: Subject) -> list[str]:
    """Tests of main, of any kind, that changed files hold no longer. Reads text, runs nothing."""
    touched = [
        change
        for change in subject.changes()
        if change.status != "A" and change.path.startswith("tests/") and is_test_file(change.path)
    ]
    gone = []
    for change in touched:
        before = subject.history.read(subject.job.base, change.path) or b""
        after = subject.history.read(subject.commit, change.path) or b""
        lost = Counter(TEST_NAME.findall(before)) - Counter(TEST_NAME.findall(after))
        gone += [f"{change.path}::{name.decode()}" for name in sorted(lost)]
    return gone


def supposed(subject: Subject) -> Expected:
    """The tests that main has, each to do as it did when main was judged; else to pass."""
    told = _read(_kept(subject, subject.job.base, "told"))
    return {name: told.get(name, PASSED) for name in _listed(subject)}


def baseline(subject: Subject) -> Expected:
    """Main's tests on main's own code. Empty: no run."""
    return _known(subject, "run", _run_baseline)


def _listed(subject: Subject) -> Expected:
    return _known(subject, "ids", _collect)


def _known(subject: Subject, kind: str, find: Callable[[Subject], dict[str, str]]) -> Expected:
    """What was kept by main's commit, else found now."""
    kept = _kept(subject, subject.job.base, kind)
    with _one_run:  # two gates ask at the same time
        if kept.exists():
            return _read(kept)
        found = find(subject)
        if found:
            write_atomic(kept, json.dumps(found).encode())
        return found


def _collect(subject: Subject) -> dict[str, str]:
    base = subject.job.base_dir
    targets = (COLLECT_ONLY, *targets_in(base))
    trial = run_tests(subject, base, base, targets, RUN_SECONDS)
    whole = trial.ended.exit == ALL_PASSED and set(trial.results.values()) == {"collected"}
    return dict.fromkeys(trial.results, PASSED) if whole else {}


def _run_baseline(subject: Subject) -> dict[str, str]:
    base = subject.job.base_dir
    trial = run_parts(subject, base, base, targets_in(base), RUN_SECONDS)
    if trial.forged or trial.ended.exit not in (ALL_PASSED, SOME_FAILED):
        return {}
    listed = _listed(subject)  # code that runs can report tests that nobody has
    found = {name: told for name, told in trial.results.items() if name in listed or not listed}
    bad = [name for name, outcome in found.items() if outcome == FAILED]
    # What failed by bad luck once must not be allowed to fail from now on.
    again = run_tests(subject, base, base, tuple(bad), RUN_SECONDS).results if bad else {}
    found |= {name: again.get(name, FAILED) for name in bad}
    return found if PASSED in found.values() else {}


def remember(subject: Subject) -> None:
    """What the tests of an accepted candidate said: should it become main, they need no run."""
    if subject.results:
        write_atomic(_kept(subject, subject.commit, "told"), json.dumps(subject.results).encode())


def _kept(subject: Subject, commit: str, kind: str) -> Path:
    return subject.baselines / f"{commit}-{kind}.json"


def _read(kept: Path) -> dict[str, str]:
    return dict(json.loads(kept.read_bytes())) if kept.exists() else {}


def compare(trial: Trial, expected: Expected) -> Worse | None:
    """What went worse; None when every id did at least as well as was expected."""
    if trial.ended.limit:
        return Worse((), f"were stopped at their {trial.ended.limit} limit", trial)
    silent = sorted(name for name in expected if name not in trial.results)
    if silent:
        return Worse(tuple(silent), "never reported a result", trial)
    worse = sorted(
        name
        for name, outcome in trial.results.items()
        if not _as_good(outcome, expected.get(name, PASSED))
    )
    if worse:
        return Worse(tuple(worse), "do not pass", trial)
    if trial.forged:
        return Worse((), "were not run as told: the run's own controls did not fail", trial)
    known = ALL_PASSED if FAILED not in trial.results.values() else SOME_FAILED
    if trial.ended.exit != known:
        return Worse((), f"ended as a run with {trial.ended.exit}, not {known}", trial)
    return None


def _as_good(outcome: str, expected: str) -> bool:
    """A test that main fails may fail; one that main skips may be skipped."""
    return outcome in (PASSED, expected) or expected == FAILED


def named(gate: str, worse: Worse, whose: str) -> Verdict:
    """The failing verdict, with the tests' names and what they said."""
    names, trial = worse.names, worse.trial
    shown = ", ".join(names[:NAMED_MAX]) + (" …" if len(names) > NAMED_MAX else "")
    details: dict[str, object] = {"tests": list(names)}
    if trial is not None:
        details["texts"] = {name: trial.texts.get(name, "") for name in names[:TEXTS_MAX]}
        details["output"] = trial.output()
    how = f"{len(names)} of {whose} {worse.what}: {shown}" if names else f"{whose} {worse.what}"
    return failed(gate, how, **details)
