"""The judge of claims: who says that something was done must have done it.

It reads no mind and asks no model: a claim is a sentence of the speaker about its own deed,
evidence is what tools did meanwhile. A claim without evidence goes back once; then it failed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from itertools import pairwise

from daemon.agent.shell import Command

TEXT_CHARS_MAX = 20_000
# fmt: off
TESTERS = frozenset((
    "pytest", "py.test", "unittest", "tox", "nox", "ctest", "jest", "vitest", "mocha", "rspec",
    "phpunit", "bats",
))
STARTERS = frozenset({"run", "exec", "npx", "bunx", "uvx", "yarn", "pnpm", "bun"})  # uv run, …
# Programs for which "test" is only a word.
LOOKERS = frozenset((
    "[", "awk", "cat", "cd", "chmod", "cp", "docker", "echo", "export", "find", "git", "grep",
    "head", "ls", "mkdir", "mv", "pip", "pip3", "printf", "rg", "rm", "sed", "tail", "test",
    "touch", "tree", "uv", "wc",
))
# fmt: on
MAKERS = frozenset({"make", "ninja", "just", "rake"})
INTERPRETERS = frozenset({"python", "python3", "bash", "sh", "node", "ruby", "perl"})
VERB = re.compile(r"test(?::.+)?|nextest")
SCRIPT = re.compile(r"(?:.*[_/.-])?tests?(?:[_.-].*)?")
NO_TESTS = frozenset({"--co", "--collect-only", "--version", "--help", "-h", "--list"})
VERSIONS = frozenset({"-V", "--version"})  # of pytest; ctest says more then


class Deed(StrEnum):
    """What can be claimed, and shown."""

    CHANGED = "changed"  # a file differs
    RAN = "ran"  # a command or code was run and ended well
    TESTED = "tested"  # tests were run and passed


SAID = {
    Deed.CHANGED: "that a file was written or changed",
    Deed.RAN: "that something was run",
    Deed.TESTED: "that tests pass",
}
FENCED = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|^>.*$", re.DOTALL | re.MULTILINE)
SENTENCE = re.compile(r"(?<=[.!?:;])\s+|\n+")
# What is wished, doubted, offered, asked or told to others is no claim.
NO_CLAIM = re.compile(
    r"\b(?:not|never|no|cannot|would|could|should|will|shall|might|may|must|if|unless|once|when"
    r"|before|let me|let us|let's|please|going to|need to|want to|try to|you can|you should|how to"
    r"|earlier|previously|yesterday|last time)\b|n't\b|\?\s*$|'ll\b",
    re.IGNORECASE,
)
NEAR = r"[^.]{0,120}?"
I_DID = (
    r"\b(?:i|we)(?:'ve| have)?"
    r"(?: (?:now|just|also|then|already|successfully|both|all|and|quickly|(?:went|gone) ahead))*,? "
)
BY_ME = r"\b(?:has|have) (?:(?:now|just|also|already|successfully|been) )+"
MADE = (
    r"(?:created|wrote|written|saved|added|edited|updated|modified|changed|fixed|replaced|removed"
    r"|deleted|renamed|implemented|refactored|corrected|stored|appended|inserted)\b"
)
RAN = r"(?:ran|executed|tested|measured|compiled|built|installed|benchmarked)\b"
EXECUTED = rf"(?:{RAN}|run\b)"
FILE = (
    r"(?:`[^`]+`|[\w/-]+\.[a-z]{1,5}\b|\b(?:files?|folders?|director(?:y|ies)|functions?|class(?:es)?"
    r"|modules?|code|scripts?|tests?|bugs?|docstrings?|repo(?:sitory)?|workspace)\b)"
)
THING = (
    r"(?:`[^`]+`|[\w/-]+\.[a-z]{1,5}\b|\b(?:scripts?|code|programs?|commands?|tests?|builds?|snippets?"
    r"|python|pytest|suite|benchmarks?|packages?|it|them)\b)"
)
# A report leaves the speaker out: "Fixed the bug". "Fixed code" and "Run the tests" are none.
REPORTED = r"\A[^\w`\"'(]*(?:(?:done|also|then|and|successfully|just|now)\b[,!]?\s+)*"
OF_IT = r"[*_]*\s+(?:the|an?|new|both|all|this|that|it|its|to|your|our|two|three|several|\d+)\b"
NAMED = r"[*_]*\s+(?:`[^`]+`|[\w/-]+\.[a-z]{1,5}\b|(?:unit )?(?:tests?|docstrings?)\b)"
COUNTED = r"[1-9]\d* passed\b(?=\s*(?:\Z|[^\w\s]|and\b|in \d))"  # as runners of tests write it
PASSES = (
    r"\btests?\b[^.]{0,40}?\b(?:pass(?:es|ed|ing)?|succeed(?:s|ed)?|green)\b"
    r"|\b(?:passed|passes) (?:all )?(?:the )?(?:unit )?tests?\b"
    rf"|\A(?!.*\b[1-9]\d* (?:failed|errors?)\b)(?:\W*{COUNTED}|.*\b[1-9]\d* passed in \d)"
)
CLAIMS: tuple[tuple[Deed, re.Pattern[str]], ...] = (
    (Deed.CHANGED, re.compile(rf"{I_DID}{MADE}{NEAR}{FILE}", re.IGNORECASE)),
    (Deed.CHANGED, re.compile(rf"{FILE}{NEAR}{BY_ME}{MADE}", re.IGNORECASE)),
    (Deed.CHANGED, re.compile(rf"{REPORTED}{MADE}(?:{OF_IT}{NEAR}{FILE}|{NAMED})", re.IGNORECASE)),
    (Deed.RAN, re.compile(rf"{REPORTED}{RAN}(?:{OF_IT}{NEAR}{THING}|{NAMED})", re.IGNORECASE)),
    (Deed.RAN, re.compile(rf"{I_DID}{EXECUTED}{NEAR}{THING}", re.IGNORECASE)),
    (Deed.RAN, re.compile(rf"{THING}{NEAR}{BY_ME}{EXECUTED}", re.IGNORECASE)),
    (Deed.TESTED, re.compile(PASSES, re.IGNORECASE)),
)


def claims(text: str) -> list[Deed]:
    """What the speaker says it did; code, quotes, wishes and questions claim nothing."""
    prose = FENCED.sub("\n", text[:TEXT_CHARS_MAX]).replace("’", "'")
    told = [one for one in SENTENCE.split(prose) if one and not NO_CLAIM.search(one)]
    return [deed for deed in Deed if any(_claims(deed, sentence) for sentence in told)]


def _claims(deed: Deed, sentence: str) -> bool:
    return any(pattern.search(sentence) for of, pattern in CLAIMS if of is deed)


def unproved(text: str, evidence: Collection[str]) -> list[Deed]:
    """The claims of `text` that nothing shows. Tests that passed were run."""
    shown = set(evidence) | ({Deed.RAN} if Deed.TESTED in evidence else set())
    return [deed for deed in claims(text) if deed not in shown]


def complaint(deeds: Iterable[Deed]) -> str:
    """What is missing, in words."""
    return " and ".join(SAID[deed] for deed in deeds)


def runs_tests(command: Command) -> bool:
    """Whether it is a run of tests, and not only a look at which there are."""
    program, words = command.program, command.arguments
    modules = {after for word, after in pairwise(words) if word == "-m"}
    operands = command.operands
    named = {program, *modules, *(operands if STARTERS & {program, *operands[:1]} else ())}
    if NO_TESTS & set(words) or ("pytest" in named and VERSIONS & set(words)):
        return False
    return bool(named & TESTERS) or (program not in LOOKERS and _is_asked(program, operands))


def _is_asked(program: str, operands: Sequence[str]) -> bool:
    """By a verb, as of a builder, or by a script's own name."""
    if any(VERB.fullmatch(one) for one in operands):
        return True
    if program in MAKERS and {"tests", "check"} & set(operands):
        return True
    script = operands[0] if program in INTERPRETERS and operands else program
    return bool(SCRIPT.fullmatch(script.rpartition("/")[2]))


def missing(changed: bool, tested: bool) -> str:
    """What a goal that is said to be reached still lacks; empty when it is shown."""
    lacking = [] if changed else ["no file was changed"]
    lacking += [] if tested else ["the tests did not pass after the last edit"]
    return ", and ".join(lacking)
