"""Programs that run what they are given: another command, or a whole line for a shell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise, takewhile

# What runs another command: its own options that take a value, so that they are passed over.
WRAPPERS = {
    "sudo": frozenset("ugpCDhRrTtU"),
    "doas": frozenset("uC"),
    "env": frozenset({*"uCS", "unset", "chdir", "split-string"}),
    "nice": frozenset({"n", "adjustment"}),
    "ionice": frozenset({*"cnp", "class", "classdata", "pid"}),
    "timeout": frozenset({*"ks", "signal", "kill-after"}),
    "xargs": frozenset(
        {*"IEdnLPsa", "arg-file", "delimiter", "max-args", "max-procs", "max-chars"}
        | {"process-slot-var"}
    ),
    "stdbuf": frozenset({*"ioe", "input", "output", "error"}),
    "chroot": frozenset({"groups", "userspec"}),
    "nohup": frozenset(""),
    "setsid": frozenset(""),
    "time": frozenset({*"fo", "format", "output"}),
    "exec": frozenset("a"),
    "command": frozenset(""),
    "builtin": frozenset(""),
    "busybox": frozenset(""),
    "toybox": frozenset(""),
    "unshare": frozenset(""),
    "watch": frozenset({"n", "interval"}),
}
GIT = frozenset({*"Cc", "git-dir", "work-tree", "namespace", "config-env", "attr-source"})
SHELL = frozenset({*"oO", "rcfile", "init-file"})
BEFORE_COMMAND = {"timeout": 1, "chroot": 1}  # words of its own that are no options
SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "fish"})
EXEC = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
ASSIGNED = re.compile(r"\w+=")
SPLIT_STRING = re.compile(r"(?:-[a-zA-Z0]*?S|--s[a-z-]*=?)(.*)", re.DOTALL)


def commands_in(program: str, words: Sequence[str]) -> list[list[str]]:
    """What a wrapper runs, by its words; git's verb without what stands before it."""
    if program == "find":
        return _executed(words)
    if program == "git":
        after = _after_options(words, GIT)
        return [["git", *after]] if 0 < len(after) < len(words) else []
    if program not in WRAPPERS:
        return []
    own, after = BEFORE_COMMAND.get(program, 0), _after_options(words, WRAPPERS[program])
    while after and (own or ASSIGNED.match(after[0])):
        own -= 0 if ASSIGNED.match(after[0]) else 1
        after = _after_options(after[1:], WRAPPERS[program])
    return [after] if after else []


def lines_in(program: str, words: Sequence[str], fed: Iterable[str]) -> list[str]:
    """Command lines that a program is given to run: by its words, and by what it is `fed`."""
    if program == "eval":
        return [" ".join(words)]
    if program == "trap":
        return _after_options(words, frozenset())[:1]
    if program == "env":
        return _split_strings(words)
    if program not in SHELLS:
        return []
    after = _after_options(words, SHELL, "-+")
    options = words[: len(words) - len(after)]
    letters = {letter for one in options if one[:2] != "--" for letter in one}
    if "c" in letters:
        return after[:1]
    return list(fed) if "s" in letters or not after else []  # a script's input is no commands


def _executed(words: Sequence[str]) -> list[list[str]]:
    """Each -exec of find, up to its end or to the next one."""
    starts = [at for at, one in enumerate(words) if one in EXEC]
    pieces = (words[at + 1 : until] for at, until in pairwise([*starts, len(words)]))
    found = [list(takewhile(lambda one: one != ";", piece)) for piece in pieces]
    return [one for one in found if one]


def _split_strings(words: Sequence[str]) -> list[str]:
    """What env takes apart itself, with the words that follow it."""
    own = len(words) - sum(len(one) for one in commands_in("env", words))
    found = ((at, SPLIT_STRING.fullmatch(word)) for at, word in enumerate(words[:own]))
    return [" ".join([one[1], *words[at + 1 :]]) for at, one in found if one]


def _after_options(words: Sequence[str], valued: frozenset[str], marks: str = "-") -> list[str]:
    at = 0
    while at < len(words) and words[at].startswith(tuple(marks)):
        at += 2 if _takes_next(words[at], valued) else 1
    return list(words[at:])


def _takes_next(word: str, valued: frozenset[str]) -> bool:
    """Whether the next word is this option's value; long names may be cut short."""
    if word.startswith("--"):
        name = word[2:]
        return bool(name) and any(len(one) > 1 and one.startswith(name) for one in valued)
    first = next((at for at, letter in enumerate(word) if at and letter in valued), None)
    return first == len(word) - 1
