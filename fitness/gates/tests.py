"""Main's tests pass on the candidate's code, every one of them, and so do its own.

Why: the tests that count are those the candidate could not edit. Their ids come
from main, so a test that never reports is as bad as one that fails.
"""

from __future__ import annotations

import json
from pathlib import Path

from fitness.subject import Subject
from fitness.trial import GATE_TEST_PATHS, Trial, run_tests, targets_in
from fitness.verdict import Verdict, failed, passed
from ops.files import write_atomic

NAME = "tests"
QUESTION = "Do main's tests pass on the candidate's code, and its own as well?"
STAGE = "work"
LIMIT_SECONDS = 600.0
SERVED = False
RUN_SECONDS = 280.0
NAMED_MAX = 3
BASELINES = "baselines"


def judge(subject: Subject) -> Verdict:
    job = subject.job
    expected = baseline(subject)
    if not expected:
        return failed(NAME, "main has no test that passes, so there is nothing to judge by")
    trial = run_tests(
        subject, job.candidate_dir, job.base_dir, targets_in(job.base_dir), RUN_SECONDS
    )
    if (verdict := _compare(trial, expected)) is not None:
        return verdict
    own = own_targets(subject)
    if own:
        trial = run_tests(subject, job.candidate_dir, job.candidate_dir, own, RUN_SECONDS)
        if bad := trial.not_passed():
            return _named(trial, bad, "of the candidate's own tests do not pass")
        if not trial.results or trial.ended.exit != 0:
            return failed(NAME, "the candidate's own tests did not report", targets=own)
    return passed(NAME, f"{len(expected)} tests of main passed", own=list(own))


def own_targets(subject: Subject) -> tuple[str, ...]:
    """The test files that the candidate added or changed, where gates may run them."""
    return tuple(
        change.path
        for change in subject.changes()
        if change.status != "D"
        and change.path.startswith(GATE_TEST_PATHS)
        and change.path.rsplit("/", 1)[-1].startswith("test_")
    )


def baseline(subject: Subject) -> set[str]:
    """The ids of main's tests that pass on main's own code; kept by main's commit."""
    job = subject.job
    kept = job.evidence.parent / BASELINES / f"{job.base}.json"
    if kept.exists():
        return set(json.loads(kept.read_bytes()))
    trial = run_tests(subject, job.base_dir, job.base_dir, targets_in(job.base_dir), RUN_SECONDS)
    ids = sorted(name for name, outcome in trial.results.items() if outcome == "passed")
    if trial.ended.exit == 0:
        _keep(kept, ids)
    return set(ids)


def _keep(path: Path, ids: list[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, json.dumps(ids).encode())


def _compare(trial: Trial, expected: set[str]) -> Verdict | None:
    """The failing verdict, or None when every expected id passed."""
    bad = sorted(name for name in expected if trial.results.get(name, "missing") != "passed")
    broken = [name for name in trial.not_passed() if trial.results[name] == "failed"]
    if not bad and not broken and trial.ended.exit == 0:
        return None
    if trial.ended.limit:
        return failed(NAME, f"the tests were stopped at their {trial.ended.limit} limit", tests=bad)
    missing = [name for name in bad if name not in trial.results]
    if missing and len(missing) == len(bad):
        return _named(trial, missing, "of main's tests never reported a result")
    if bad or broken:
        return _named(trial, bad or broken, "of main's tests do not pass")
    return failed(NAME, f"the test run ended with {trial.ended.exit}", tests=[])


def _named(trial: Trial, names: list[str], what: str) -> Verdict:
    shown = ", ".join(names[:NAMED_MAX]) + (" …" if len(names) > NAMED_MAX else "")
    texts = {name: trial.texts.get(name, "") for name in names[:50]}
    return failed(NAME, f"{len(names)} {what}: {shown}", tests=names, texts=texts)
