"""What the README shows of orgctl is what orgctl says; a new verb is written down with it.

    python -m tests.test_help

writes the README's help blocks anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"```console\n\$ orgctl (?P<words>[^\n]*--help)\n(?P<said>.*?)```", re.DOTALL)
VERB = re.compile(r"^  (\w+) {2,}", re.MULTILINE)


def help_of(words: str) -> str:
    """As on an 80 column screen."""
    argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "ops.orgctl", *words.split()]
    environment = {"PATH": os.environ["PATH"], "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, check=True)
    return done.stdout.strip() + "\n"


def test_the_readme_shows_the_real_help() -> None:
    """Every block, to the letter."""
    blocks = list(BLOCK.finditer(README.read_text()))
    assert blocks
    for block in blocks:
        assert block["said"] == help_of(block["words"]), f"run: python -m {__name__}"


@pytest.mark.parametrize("verb", VERB.findall(help_of("--help").split("Commands:")[1]))
def test_every_verb_has_help_and_stands_in_the_readme(verb: str) -> None:
    assert help_of(f"{verb} --help").startswith(f"Usage: orgctl {verb}")
    assert f"`{verb}" in README.read_text() or f" {verb} " in README.read_text()


def main() -> None:
    def fresh(block: re.Match[str]) -> str:
        return f"```console\n$ orgctl {block['words']}\n{help_of(block['words'])}```"

    README.write_text(BLOCK.sub(fresh, README.read_text()))


if __name__ == "__main__":
    main()
