"""A command line as the shell's grammar sees it: every command in it, also the nested ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

from daemon.agent.wrappers import commands_in, lines_in

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

TEXT_BYTES_MAX = 200_000
PIPES_MAX = 3_000  # the grammar's memory grows with their square
NODES_MAX = 20_000
WORD_CHARS_MAX = 4_096
DEPTH_MAX = 5  # of command lines inside command lines
DOCUMENT = re.compile(rb"<<-?[ \t]*(['\"\\]?)(\w+)")
RUNS_IN_TEXT = re.compile(rb"\$\(|`")
WORDS = frozenset({"word", "string", "raw_string", "ansi_c_string", "number", "concatenation"})
WORDS |= {"simple_expansion", "expansion", "command_substitution", "process_substitution"}
ECHOES = frozenset({"echo", "printf"})


@dataclass(frozen=True)
class Command:
    """`program` without its folder; `dynamic` when only running it tells what it is.

    `fed` are texts that stand in the line and that it may read as its input.
    """

    program: str
    arguments: tuple[str, ...] = ()
    redirects: tuple[str, ...] = ()
    piped_from: tuple[str, ...] = ()
    dynamic: bool = False
    fed: tuple[str, ...] = ()

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
class Around:
    """What a command has from the statements that it stands in."""

    redirects: tuple[str, ...] = ()
    piped_from: tuple[str, ...] = ()
    fed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parsed:
    commands: tuple[Command, ...]
    bombs: tuple[str, ...]  # functions that start themselves more than once
    whole: bool = True  # False: it is too long, or too complicated, to be read to its end


def parse(line: str, depth: int = DEPTH_MAX) -> Parsed:
    """All commands of `line`; what is no shell is read as far as it goes."""
    reading = _Reading()
    raw = line.encode("utf-8", "replace")
    whole = len(raw) <= TEXT_BYTES_MAX and _pipes(raw) <= PIPES_MAX
    if whole:
        _walk(_parser().parse(raw).root_node, reading)
    lines: dict[str, None] = {}
    for one in reading.found:
        inner = lines_in(one.program, one.arguments, one.fed)
        lines |= dict.fromkeys(inner)
        whole = whole and not (inner and any(map(_is_cut, one.arguments)))
    for inner_line in lines:
        nested = parse(inner_line, depth - 1) if depth > 0 else Parsed((), (), whole=False)
        reading.found += nested.commands
        reading.functions |= dict.fromkeys(nested.bombs, True)
        whole = whole and nested.whole
    bombs = tuple(name for name, twice in reading.functions.items() if twice)
    return Parsed(tuple(reading.found), bombs, whole and reading.nodes <= NODES_MAX)


def _pipes(raw: bytes) -> int:
    """How many the grammar has to work on: those in a document that is only text are data.

    A line without its documents' bars is cheap to read, and its tree tells for certain which
    of them stand in a document: what only looks like one keeps its bars.
    """
    many = raw.count(b"|")
    if many <= PIPES_MAX or b"<<" not in raw:
        return many
    bare = b"\n".join(_without_texts(raw.split(b"\n")))
    if bare.count(b"|") > PIPES_MAX:
        return many
    bodies = _all(_parser().parse(bare).root_node, "heredoc_body")
    texts = (raw[one.start_byte : one.end_byte] for one in bodies)
    return many - sum(one.count(b"|") for one in texts if not RUNS_IN_TEXT.search(one))


def _without_texts(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines, those that may be a document's text without bars."""
    end = None
    for line in lines:
        if end is None:
            begun = DOCUMENT.search(line)
            end = begun[2] if begun else None
        elif line.strip(b"\t") == end:
            end = None
        else:
            line = line.replace(b"|", b" ")
        yield line


def _is_cut(word: str) -> bool:
    return len(word) == WORD_CHARS_MAX


@cache
def _parser() -> Parser:
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def _walk(node: Node, reading: _Reading) -> None:
    """Without recursion into what is deep: the depth of a line is the writer's to choose."""
    left = [(node, Around())]
    while left and reading.nodes <= NODES_MAX:
        reading.nodes += 1
        one, around = left.pop()
        if one.type == "pipeline":
            for child in one.named_children:
                reading.nodes += len(around.piped_from)
                if reading.nodes > NODES_MAX:
                    break
                left.append((child, around))
                programs = (*around.piped_from, *_programs(child))
                around = replace(around, piped_from=programs, fed=(*around.fed, *_told(child)))
            continue
        if one.type in ("redirected_statement", "command"):
            fed = tuple(told for child in one.named_children for told in _given(child))
            around = replace(around, fed=(*around.fed, *fed))
        if one.type == "redirected_statement":
            around = replace(around, redirects=(*around.redirects, *_targets(one)))
        if one.type == "function_definition":
            _function(one, reading)
        if one.type == "command":
            reading.found += _commands(one, around)
        left += [(child, around) for child in one.named_children]


def _told(node: Node) -> Iterator[str]:
    """What is written in `node` and comes out of it: the words of echo, and what is given to it."""
    left = [node]
    while left:
        one = left.pop()
        if one.type == "command":
            program, *words = _words(one) or [""]
            if program.rpartition("/")[2] in ECHOES:  # printf may put each word on its own line
                yield from (apart.join(words).replace("\\n", "\n") for apart in (" ", "\n"))
                continue
        yield from _given(one)
        left += one.named_children


def _given(node: Node) -> Iterator[str]:
    """The text of a here-document or a here-string."""
    if node.type == "heredoc_redirect":
        bodies = (one for one in node.named_children if one.type == "heredoc_body")
        yield from ((one.text or b"").decode("utf-8", "replace") for one in bodies)
    if node.type == "herestring_redirect":
        yield from (text(one) for one in node.named_children)


def _programs(node: Node) -> tuple[str, ...]:
    """The programs that `node` starts at its top."""
    if node.type == "command":
        return tuple(one.program for one in _commands(node, Around()))
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


def _commands(node: Node, around: Around) -> list[Command]:
    """The command, and those that it is only a wrapper for."""
    names = [child for child in node.named_children if child.type == "command_name"]
    inner = names[0].named_children[0].type if names and names[0].named_children else ""
    dynamic = inner in ("command_substitution", "expansion", "simple_expansion")
    own = (*around.redirects, *_targets(node))
    found = []
    left = [[word[:WORD_CHARS_MAX] for word in _words(node)]]
    while left:
        words = left.pop()
        if not words:
            continue
        program = words[0].rpartition("/")[2]
        found.append(
            Command(program, tuple(words[1:]), own, around.piped_from, dynamic, around.fed)
        )
        left += commands_in(program, words[1:])
        dynamic = False
    return found


def _words(node: Node) -> list[str]:
    """The command's name and what follows it."""
    words: list[str] = []
    for child in node.named_children:
        if child.type == "command_name" or (child.type in WORDS and words):
            words.append(text(child))
    return words


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
