"""Tests of the judge's own among those of a run, some of which must fail.

Why: code of the same process can report whatever it likes, or have every test pass. It does not
know these, so a run in which they did not end as they must was not a run of the tests.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

COUNT = 6
FAILING = 3
PASSED, FAILED = "passed", "failed"
NUMBER_MAX = 1000
WORDS = ("answer", "call", "file", "goal", "line", "model", "note", "page", "reply", "turn")
VERBS = ("begins", "counts", "ends", "gives", "holds", "keeps", "reads", "shows", "stays", "tells")
TEST = '''

def test_{name}() -> None:
    """{sentence}."""
    assert sum(range({count})) == {total}
'''


@dataclass(frozen=True)
class Controls:
    """A file of tests by another name each time; how each must end is known here alone."""

    file: str
    text: str
    outcomes: Mapping[str, str]

    def lay(self, folder: Path) -> None:
        (folder / self.file).write_text(self.text)

    def parted(self, results: Mapping[str, str]) -> tuple[dict[str, str], bool]:
        """The results of others, and whether those of its own are as they must be."""
        own = {name for name in results if PurePosixPath(name.split("::")[0]).name == self.file}
        told = {name.split("::")[-1]: results[name] for name in own}
        others = {name: outcome for name, outcome in results.items() if name not in own}
        return others, told == self.outcomes


def drawn() -> Controls:
    """New ones for one run."""
    draw = secrets.SystemRandom()
    fails = draw.sample([FAILED] * FAILING + [PASSED] * (COUNT - FAILING), COUNT)
    pairs = [f"{word} {verb}" for word in WORDS for verb in VERBS]
    text, outcomes = '"""What was promised."""\n', {}
    file, *sentences = draw.sample(pairs, COUNT + 1)
    for sentence, outcome in zip(sentences, fails, strict=True):
        count, name = draw.randrange(2, NUMBER_MAX), sentence.replace(" ", "_")
        total = sum(range(count)) + (draw.randrange(1, NUMBER_MAX) if outcome == FAILED else 0)
        text += TEST.format(name=name, sentence=sentence, count=count, total=total)
        outcomes[f"test_{name}"] = outcome
    return Controls(f"test_{file.replace(' ', '_')}.py", text, outcomes)
