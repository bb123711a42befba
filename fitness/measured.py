"""A number measured on base and candidate in interleaved pairs, until the gain is clear.

Why: a candidate that was measured alone, or once, is praised for the weather of the machine.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fitness.acceptance import Measure
from fitness.gain import Answer, decide, wins
from fitness.subject import Subject
from fitness.verdict import Verdict, failed, passed
from ops.cell import Mount
from ops.files import remove_tree

TREE, ANSWERS = Path("/workspace"), Path("/acceptance")
RUN_SECONDS = 60.0
ALL_SECONDS = 270.0  # of the gate's limit, so that it still can say what it saw
STEADY_PAIRS = 5  # without any noise on either side, these are clear enough
SHOWN_CHARS_MAX = 200


class Unmeasured(Exception):
    """A run gave no number."""


@dataclass(frozen=True)
class Pair:
    base: float
    candidate: float


def by_measure(subject: Subject, name: str, measure: Measure, files: Mapping[str, str]) -> Verdict:
    """Kept only beyond noise; the pairs are the evidence."""
    scratch = subject.scratch(f"{name}-measure")
    answers = scratch / "acceptance"
    answers.mkdir()
    for file, text in files.items():
        (answers / Path(file).name).write_text(text)
    copies = {side: scratch / side for side in ("base", "candidate")}
    shutil.copytree(subject.job.base_dir, copies["base"], symlinks=True)
    subject.copy(copies["candidate"])
    pairs: list[Pair] = []
    try:
        answer = _until_clear(subject, measure, copies, answers, pairs)
    except Unmeasured as reason:
        return failed(name, str(reason), pairs=_shown(pairs))
    finally:
        remove_tree(scratch)
    won = sum(wins(pair.base, pair.candidate, measure) for pair in pairs)
    text = f"better in {won} of {len(pairs)} pairs: {_middle(pairs)}"
    if answer is Answer.KEEP:
        return passed(name, text, pairs=_shown(pairs))
    missed = f"no gain of {measure.least_gain:.0%} beyond noise"
    return failed(name, f"{missed}, {text}", pairs=_shown(pairs))


def _until_clear(
    subject: Subject,
    measure: Measure,
    copies: Mapping[str, Path],
    answers: Path,
    pairs: list[Pair],
) -> Answer:
    deadline = time.monotonic() + ALL_SECONDS
    while True:
        order = ("base", "candidate") if len(pairs) % 2 == 0 else ("candidate", "base")
        said = {side: _number(subject, measure, copies[side], answers) for side in order}
        pairs.append(Pair(said["base"], said["candidate"]))
        answer = _answer(pairs, measure)
        if answer is not Answer.MORE:
            return answer
        if time.monotonic() > deadline:
            return Answer.DROP


def _answer(pairs: list[Pair], measure: Measure) -> Answer:
    won = sum(wins(pair.base, pair.candidate, measure) for pair in pairs)
    if len(pairs) == STEADY_PAIRS and len(set(pairs)) == 1:
        return Answer.KEEP if won else Answer.DROP
    return decide(won, len(pairs) - won, measure.pairs_max)


def _number(subject: Subject, measure: Measure, tree: Path, answers: Path) -> float:
    mounts = (Mount(tree, TREE, writable=True), Mount(answers, ANSWERS))
    done = subject.cell(measure.command, mounts, RUN_SECONDS, directory=str(TREE))
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    try:
        if done.exit != 0:
            raise ValueError
        number = float(lines[-1])
        if number != number or number in (float("inf"), float("-inf")):
            raise ValueError
        return number
    except (ValueError, IndexError) as error:
        said = (lines or ["nothing"])[-1][:SHOWN_CHARS_MAX]
        raise Unmeasured(f"the measure gave no number but {said!r}") from error


def _middle(pairs: list[Pair]) -> str:
    base = sorted(pair.base for pair in pairs)[len(pairs) // 2]
    candidate = sorted(pair.candidate for pair in pairs)[len(pairs) // 2]
    return f"{base:g} became {candidate:g}"


def _shown(pairs: list[Pair]) -> list[list[float]]:
    return [[pair.base, pair.candidate] for pair in pairs]
