"""The goal is reached, by a check that its author never saw.

Why: a change that keeps every promise and reaches nothing is no improvement.
A goal without a check of its own asks for a test that main fails and the candidate passes.
"""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from fitness.acceptance import Acceptance, Probe
from fitness.gates.tests import own_targets
from fitness.hidden_tests import by_tests
from fitness.measured import by_measure
from fitness.subject import Subject
from fitness.trial import GATE_TEST_PATHS, run_tests
from fitness.verdict import Verdict, failed, passed
from ops.cell import Mount
from ops.files import remove_tree

NAME = "goal"
QUESTION = "Is the goal reached?"
STAGE = "work"
LIMIT_SECONDS = 300.0
SERVED = True
COMMAND_SECONDS = 120.0
TREE, ANSWERS = Path("/workspace"), Path("/acceptance")
SHOWN_CHARS_MAX = 300


def judge(subject: Subject) -> Verdict:
    goal = subject.job.goal
    if goal is None:
        return passed(NAME, "no goal was named")
    if goal.acceptance is None or not goal.acceptance.checks:
        return _by_new_test(subject) if subject.job.kind == "org" else _by_gates(subject)
    for probe in goal.acceptance.probes:
        if (reason := _probe(subject, probe)) is not None:
            return failed(NAME, reason)
    verdict = passed(NAME, f"{len(goal.acceptance.probes)} probes agree")
    if goal.acceptance.command is not None:
        verdict = _by_command(subject, goal.acceptance)
    if verdict.passed and goal.acceptance.tests:
        verdict = by_tests(subject, NAME, goal.acceptance.files, COMMAND_SECONDS)
    if verdict.passed and goal.acceptance.measure is not None:
        return by_measure(subject, NAME, goal.acceptance.measure, goal.acceptance.files)
    return verdict


def _probe(subject: Subject, probe: Probe) -> str | None:
    try:
        answer = subject.get(probe.path)
    except httpx.HTTPError as error:
        return f"{probe.path} was not answered: {error}"
    if answer.status != probe.status:
        return f"{probe.path} answered {answer.status}, not {probe.status}"
    if probe.matches is not None and not re.search(probe.matches, answer.text, re.MULTILINE):
        return f"{probe.path} does not say what the goal asks for"
    return None


def _by_command(subject: Subject, acceptance: Acceptance) -> Verdict:
    """The command in a copy of the candidate; its files are beside it, unseen by the author."""
    scratch = subject.scratch(NAME)
    copy, answers = scratch / "tree", scratch / "acceptance"
    subject.copy(copy)
    answers.mkdir()
    for name, text in acceptance.files.items():
        (answers / Path(name).name).write_text(text)
    try:
        done = subject.cell(
            acceptance.command or (),
            (Mount(copy, TREE, writable=True), Mount(answers, ANSWERS)),
            COMMAND_SECONDS,
            directory=str(TREE),
        )
    finally:
        remove_tree(scratch)
    said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
    if done.exit == 0:
        return passed(NAME, "its acceptance check succeeded", output=said[-20_000:])
    how = f"was stopped at its {done.limit} limit" if done.limit else f"ended with {done.exit}"
    last = said.splitlines()[-1][:SHOWN_CHARS_MAX] if said else "it said nothing"
    return failed(NAME, f"the acceptance check {how}: {last}", output=said[-20_000:])


def _by_new_test(subject: Subject) -> Verdict:
    job, targets = subject.job, own_targets(subject)
    if not targets:
        where = " or ".join(GATE_TEST_PATHS[:2])
        text = f"no test shows the improvement: add one that main fails, below {where}"
        return failed(NAME, text, where=list(GATE_TEST_PATHS))
    new = run_tests(subject, job.candidate_dir, job.candidate_dir, targets, COMMAND_SECONDS)
    # The candidate's tests on main's code: only the tests folder is the candidate's.
    old = run_tests(subject, job.base_dir, job.candidate_dir, targets, COMMAND_SECONDS)
    if not old.results:  # a test that cannot even be loaded there does report
        return failed(NAME, "the new tests could not be tried on main", output=old.output())
    here = [name for name, outcome in new.results.items() if outcome == "passed"]
    shown = [name for name in here if old.results.get(name, "failed") == "failed"]
    if not here:
        return failed(NAME, "none of the new tests passes on the candidate", output=new.output())
    if not shown:
        return failed(NAME, "every new test passes on main too, so none shows an improvement")
    return passed(NAME, f"{len(shown)} new tests fail on main and pass here", tests=shown)


def _by_gates(subject: Subject) -> Verdict:
    return passed(NAME, "the goal has no check of its own; the other gates decide")
