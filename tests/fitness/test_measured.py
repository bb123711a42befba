"""A goal's measure keeps a candidate only when the gain is beyond the noise of the pairs."""

from __future__ import annotations

import pytest

from fitness.gates import goal
from tests.fitness.case import Repo

FAST = {"README.md": "# words, quickly\n"}
# A deterministic number, and one with noise as large as the gain that is asked for.
STEADY = "print(1 if 'quickly' in open('README.md').read() else 2)"
NOISY = "import random\nprint(100 + random.gauss(0, 5))"
GAIN = "import random; quick = 'quickly' in open('README.md').read()\n"
GAIN += "print((60 if quick else 100) + random.gauss(0, 5))"


def judged(repo: Repo, script: str, **measure: object) -> tuple[bool, str]:
    asked = {"command": ["python3", "/acceptance/m.py"], "pairs_max": 30, **measure}
    acceptance = {"measure": asked, "files": {"m.py": script}}
    subject = repo.release(FAST, goal={"text": "be quick", "acceptance": acceptance})
    verdict = goal.judge(subject)
    return verdict.passed, verdict.reason


@pytest.mark.parametrize(
    ("script", "measure", "passes", "says"),
    [
        (STEADY, {}, True, "better in 5 of 5 pairs: 2 became 1"),
        (STEADY, {"direction": "higher"}, False, "no gain of 5% beyond noise"),
        (STEADY, {"least_gain": 0.6}, False, "no gain of 60% beyond noise"),
        (NOISY, {}, False, "no gain of 5% beyond noise"),
        (GAIN, {}, True, "better in "),
        ("print('soon')", {}, False, "the measure gave no number but 'soon'"),
        ("print('nan')", {}, False, "the measure gave no number but 'nan'"),
    ],
)
def test_a_measure_decides_beyond_noise(
    repo: Repo, script: str, measure: dict[str, object], passes: bool, says: str
) -> None:
    found = judged(repo, script, **measure)
    assert found[0] is passes, found
    assert found[1].startswith(says)
