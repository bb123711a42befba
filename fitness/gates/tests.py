"""Main's tests pass on the candidate's code, every one of them, and so do its own.

Why: the tests that count are those the candidate could not edit. Their ids come
from main, so a test that never reports is as bad as one that fails, and one that
the candidate took away would be missed by every candidate after it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping

from fitness.subject import Subject
from fitness.trial import GATE_TEST_PATHS, Trial, run_tests, targets_in
from fitness.verdict import Verdict, failed, passed
from ops.files import write_atomic
from ops.records import Change

NAME = "tests"
QUESTION = "Do main's tests pass on the candidate's code, and its own as well?"
STAGE = "work"
LIMIT_SECONDS = 900.0  # three runs
SERVED = False
RUN_SECONDS = 280.0
NAMED_MAX = 5
TEXTS_MAX = 50
BASELINES = "baselines"
PASSED, FAILED = "passed", "failed"
ALL_PASSED, SOME_FAILED = 0, 1  # pytest's exit codes; any other is no complete run
TEST_NAME = re.compile(rb"^[ \t]*(?:async[ \t]+)?def[ \t]+(test_\w+)", re.MULTILINE)


def judge(subject: Subject) -> Verdict:
    job = subject.job
    expected = baseline(subject)
    if PASSED not in expected.values():
        return failed(NAME, "main's own tests did not run to their end, so they judge nobody")
    if gone := removed(subject):
        return _named(gone, "of main's tests were removed")
    trial = run_tests(
        subject, job.candidate_dir, job.base_dir, targets_in(job.base_dir), RUN_SECONDS
    )
    verdict = _compare(trial, expected, "of main's tests") or _own(subject, expected)
    return verdict or passed(NAME, f"{len(expected)} tests of main and the candidate's own passed")


def _own(subject: Subject, expected: Mapping[str, str]) -> Verdict | None:
    """The failing verdict on the tests that the candidate wrote; None when all is well."""
    root, targets = subject.job.candidate_dir, own_targets(subject)
    if any(_alters_tests(change) for change in subject.changes()):
        # A changed file can switch off tests of others, so all of them must still be there.
        targets = targets_in(root)
    else:
        expected = {}
    if not targets:
        return None
    trial = run_tests(subject, root, root, targets, RUN_SECONDS)
    new = {name: PASSED for name in trial.results if name not in expected}
    if not trial.results and not expected:
        return failed(NAME, "the candidate's own tests did not report", targets=list(targets))
    return _compare(trial, {**expected, **new}, "of the tests as the candidate has them")


def _alters_tests(change: Change) -> bool:
    added = change.status == "A" and _is_test_file(change.path)
    return change.path.startswith("tests/") and not added


def _is_test_file(path: str) -> bool:
    return path.endswith(".py") and path.rsplit("/", 1)[-1].startswith("test_")


def own_targets(subject: Subject) -> tuple[str, ...]:
    """The test files that the candidate added or changed, where gates may run them."""
    return tuple(
        change.path
        for change in subject.changes()
        if change.status != "D" and _is_test_file(change.path) and _is_run(change.path)
    )


def _is_run(path: str) -> bool:
    return any(path == run or path.startswith(f"{run}/") for run in GATE_TEST_PATHS)


def removed(subject: Subject) -> list[str]:
    """Tests of main, of any kind, that changed files hold no longer. Reads text, runs nothing."""
    touched = [
        change
        for change in subject.changes()
        if change.status != "A" and change.path.startswith("tests/") and _is_test_file(change.path)
    ]
    gone = []
    for change in touched:
        before = subject.history.read(subject.job.base, change.path) or b""
        after = subject.history.read(subject.commit, change.path) or b""
        lost = Counter(TEST_NAME.findall(before)) - Counter(TEST_NAME.findall(after))
        gone += [f"{change.path}::{name.decode()}" for name in sorted(lost)]
    return gone


def baseline(subject: Subject) -> dict[str, str]:
    """Main's tests on main's own code, id -> outcome; kept by main's commit. Empty: no run."""
    job = subject.job
    kept = job.evidence.parent / BASELINES / f"{job.base}.json"
    if kept.exists():
        return dict(json.loads(kept.read_bytes()))
    trial = run_tests(subject, job.base_dir, job.base_dir, targets_in(job.base_dir), RUN_SECONDS)
    if trial.ended.exit not in (ALL_PASSED, SOME_FAILED):
        return {}
    if trial.ended.exit == ALL_PASSED:  # with a failure it may be luck, so it is asked again
        kept.parent.mkdir(exist_ok=True)
        write_atomic(kept, json.dumps(trial.results).encode())
    return dict(trial.results)


def _compare(trial: Trial, expected: Mapping[str, str], whose: str) -> Verdict | None:
    """The failing verdict, or None when every id did at least as well as was expected."""
    if trial.ended.limit:
        return failed(NAME, f"the tests were stopped at their {trial.ended.limit} limit")
    silent = sorted(name for name in expected if name not in trial.results)
    if silent:
        return _named(silent, f"{whose} never reported a result", trial)
    worse = sorted(
        name
        for name, outcome in trial.results.items()
        if not _as_good(outcome, expected.get(name, PASSED))
    )
    if worse:
        return _named(worse, f"{whose} do not pass", trial)
    known = ALL_PASSED if FAILED not in trial.results.values() else SOME_FAILED
    if trial.ended.exit != known:
        return failed(NAME, f"the test run ended with {trial.ended.exit}, not {known}")
    return None


def _as_good(outcome: str, expected: str) -> bool:
    """A test that main fails may fail; one that main skips may be skipped."""
    return outcome in (PASSED, expected) or expected == FAILED


def _named(names: list[str], what: str, trial: Trial | None = None) -> Verdict:
    shown = ", ".join(names[:NAMED_MAX]) + (" …" if len(names) > NAMED_MAX else "")
    details: dict[str, object] = {"tests": names}
    if trial is not None:
        details["texts"] = {name: trial.texts.get(name, "") for name in names[:TEXTS_MAX]}
        details["output"] = trial.output()
    return failed(NAME, f"{len(names)} {what}: {shown}", **details)
