"""The tests that the candidate brings pass, and it switched none of main's off.

Why: a test that fails on the day it is written is worth nothing, and a changed file
can silence the tests in it, or, when others share it, tests that were not touched.
"""

from __future__ import annotations

from functools import partial

from fitness.controls import PASSED
from fitness.gates.tests import (
    RUN_SECONDS,
    Expected,
    is_test_file,
    named,
    own_targets,
    supposed,
    weigh,
)
from fitness.subject import Subject
from fitness.trial import Trial, run_tests, targets_in
from fitness.verdict import Verdict, failed, passed
from ops.records import Change

NAME = "own-tests"
QUESTION = "Do the candidate's own tests pass, with all of main's still among them?"
STAGE = "work"
LIMIT_SECONDS = 1200.0  # two runs
SERVED = False
WHOSE = "the tests as the candidate has them"


def judge(subject: Subject) -> Verdict:
    root, targets = subject.job.candidate_dir, own_targets(subject)
    altered = [change for change in subject.changes() if _alters_tests(change)]
    if not all(is_test_file(change.path) for change in altered):
        # What tests share was changed, and could switch off any of them.
        targets = targets_in(root)
    if not targets:
        return passed(NAME, "it brings no tests and changes none")
    trial = run_tests(subject, root, root, targets, RUN_SECONDS)
    if not trial.results and not altered:
        return failed(NAME, "the candidate's own tests did not report", targets=list(targets))
    choose = partial(_chosen, trial=trial, targets=targets if altered else ())
    if (found := weigh(subject, trial, choose)) is not None:
        return named(NAME, found, WHOSE)
    new = sorted(name for name in trial.results if name not in supposed(subject))
    subject.results.update(trial.results)
    return passed(NAME, f"{len(new)} tests of its own passed", tests=new)


def _chosen(known: Expected, trial: Trial, targets: tuple[str, ...]) -> Expected:
    """What these files and folders gave on main; whatever is new is to pass."""
    starts = tuple(f"{target}{end}" for target in targets for end in ("::", "/"))
    old = {name: outcome for name, outcome in known.items() if name.startswith(starts)}
    return {**{name: PASSED for name in trial.results if name not in known}, **old}


def _alters_tests(change: Change) -> bool:
    added = change.status == "A" and is_test_file(change.path)
    return change.path.startswith("tests/") and not added
