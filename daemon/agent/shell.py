"""A command line as the shell's grammar sees it: every command in it, also the nested ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

TEXT_BYTES_MAX = 200_000
NODES_MAX = 20_000
WORD_CHARS_MAX = 4_096
DEPTH_MAX = 5  # of command lines inside command lines
WORDS = frozenset({"word", "string", "raw_string", "ansi_c_string", "number", "concatenation"})
WORDS |= {"simple_expansion", "expansion", "command_substitution", "process_substitution"}
# What runs another command: its own options that take a value, so that they are passed over.
WRAPPERS = {
    "sudo": frozenset("ugpCDhRrTtU"),
    "doas": frozenset("uC"),
    "env": frozenset("uCS"),
    "nice": frozenset("n"),
    "ionice": frozenset("cnp"),
    "timeout": frozenset("ks"),
    "xargs": frozenset("IEdnLPsa"),
    "stdbuf": frozenset("ioe"),
    "chroot": frozenset(""),
    "nohup": frozenset(""),
    "setsid": frozenset(""),
    "time": frozenset("fo"),
    "exec": frozenset("a"),
    "command": frozenset(""),
    "builtin": frozenset(""),
    "busybox": frozenset(""),
    "toybox": frozenset(""),
    "unshare": frozenset(""),
    "watch": frozenset("n"),
    "find": frozenset(""),
}
BEFORE_COMMAND = {"timeout": 1, "chroot": 1}  # words of its own that are no options
SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "fish"})
EXEC = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
ASSIGNED = re.compile(r"\w+=")


@dataclass(frozen=True)
class Command:
    """`program` without its folder; `dynamic` when only running it tells what it is."""

    program: str
    arguments: tuple[str, ...] = ()
    redirects: tuple[str, ...] = ()
    piped_from: tuple[str, ...] = ()
    dynamic: bool = False

    @property
    def letters(self) -> frozenset[str]:
        """Options of one letter, taken apart, and the long ones by their names."""
        found: set[str] = set()
        for one in self.arguments:
            if one == "--":
                break
            if one.startswith("--"):
                found.add(one[2:].partition("=")[0])
            elif one.startswith("-") and len(one) > 1:
                found |= {*one[1:], one[1:]}
        return frozenset(found)

    @property
    def operands(self) -> tuple[str, ...]:
        return tuple(one for one in self.arguments if not one.startswith("-"))


@dataclass
class _Reading:
    found: list[Command] = field(default_factory=list)
    functions: dict[str, bool] = field(default_factory=dict)  # whether it starts itself twice
    nodes: int = 0


@dataclass(frozen=True)
class Parsed:
    commands: tuple[Command, ...]
    bombs: tuple[str, ...]  # functions that start themselves more than once
    whole: bool = True  # False: it is too long, or too complicated, to be read to its end


def parse(line: str, depth: int = DEPTH_MAX) -> Parsed:
    """All commands of `line`; what is no shell is read as far as it goes."""
    reading = _Reading()
    raw = line.encode("utf-8", "replace")
    whole = len(raw) <= TEXT_BYTES_MAX
    if whole:
        _walk(_parser().parse(raw).root_node, (), reading)
    for one in list(reading.found):
        for inner in _lines_in(one):
            nested = parse(inner, depth - 1) if depth > 0 else Parsed((), (), whole=False)
            reading.found += nested.commands
            reading.functions |= dict.fromkeys(nested.bombs, True)
            whole = whole and nested.whole
    bombs = tuple(name for name, twice in reading.functions.items() if twice)
    return Parsed(tuple(reading.found), bombs, whole and reading.nodes <= NODES_MAX)


@cache
def _parser() -> Parser:
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def _walk(node: Node, piped_from: tuple[str, ...], reading: _Reading) -> None:
    """Without recursion into what is deep: the depth of a line is the writer's to choose."""
    left: list[tuple[Node, tuple[str, ...], tuple[str, ...]]] = [(node, piped_from, ())]
    while left and reading.nodes <= NODES_MAX:
        reading.nodes += 1
        one, before, redirects = left.pop()
        if one.type == "pipeline":
            programs: tuple[str, ...] = before
            for child in one.named_children:
                left.append((child, programs, redirects))
                programs = (*programs, *_programs(child))
            continue
        if one.type == "redirected_statement":
            redirects = (*redirects, *_targets(one))
        if one.type == "function_definition":
            _function(one, reading)
        if one.type == "command":
            reading.found += _commands(one, before, redirects)
        left += [(child, before, redirects) for child in one.named_children]


def _programs(node: Node) -> tuple[str, ...]:
    """The programs that `node` starts at its top."""
    if node.type == "command":
        return tuple(one.program for one in _commands(node, (), ()))
    return tuple(name for child in node.named_children for name in _programs(child))


def _targets(node: Node) -> tuple[str, ...]:
    targets = []
    for child in node.named_children:
        if child.type == "file_redirect":
            targets += [text(one) for one in child.named_children if one.type in WORDS]
    return tuple(targets)


def _function(node: Node, reading: _Reading) -> None:
    name = node.child_by_field_name("name")
    body = node.child_by_field_name("body")
    if name is None or body is None:
        return
    own = text(name)
    calls = sum(1 for one in _all(body, "command_name") if text(one) == own)
    reading.functions[own] = calls > 1


def _all(node: Node, kind: str) -> Iterator[Node]:
    left = [node]
    while left:
        one = left.pop()
        if one.type == kind:
            yield one
        left += one.named_children


def _commands(node: Node, before: tuple[str, ...], redirects: tuple[str, ...]) -> list[Command]:
    """The command, and those that it is only a wrapper for."""
    words: list[str] = []
    dynamic = False
    for child in node.named_children:
        if child.type == "command_name":
            words.append(text(child))
            inner = child.named_children[0].type if child.named_children else ""
            dynamic = inner in ("command_substitution", "expansion", "simple_expansion")
        elif child.type in WORDS and words:
            words.append(text(child)[:WORD_CHARS_MAX])
    found = []
    own = (*redirects, *_targets(node))
    while words:
        program = words[0].rpartition("/")[2]
        found.append(Command(program, tuple(words[1:]), own, before, dynamic))
        words, dynamic = _inner(program, words[1:]), False
    return found


def _inner(program: str, words: list[str]) -> list[str]:
    """What a wrapper runs; nothing when it is none."""
    if program == "find":
        at = next((at for at, one in enumerate(words) if one in EXEC), None)
        return words[at + 1 :] if at is not None else []
    if program not in WRAPPERS:
        return []
    own, at = BEFORE_COMMAND.get(program, 0), 0
    while at < len(words):
        word = words[at]
        if word.startswith("-") and len(word) > 1:
            at += 2 if word[1:] in WRAPPERS[program] else 1
        elif ASSIGNED.match(word):
            at += 1
        elif own:
            own, at = own - 1, at + 1
        else:
            return words[at:]
    return []


def _lines_in(command: Command) -> list[str]:
    """Command lines that a command is given to run."""
    if command.program == "eval":
        return [" ".join(command.arguments)]
    if command.program in SHELLS and "c" in command.letters:
        after = command.operands
        return list(after[:1])
    return []


def text(node: Node) -> str:
    """A word as the shell would take it, but for what only running it can tell."""
    raw = (node.text or b"").decode("utf-8", "replace")
    if node.type == "raw_string":
        return raw[1:-1]
    if node.type == "string":
        return re.sub(r'\\([$`"\\\n])', r"\1", raw[1:-1])
    if node.type == "ansi_c_string":
        return raw[2:-1].encode("utf-8", "replace").decode("unicode_escape", "replace")
    if node.type in ("concatenation", "command_name"):
        return "".join(text(child) for child in node.children)
    if node.type == "word":
        return re.sub(r"\\(.)", r"\1", raw, flags=re.DOTALL)
    return raw
