"""The protocol for small models: the goal and one file in, the new file out, tests decide."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from daemon.agent.failures import shortly
from daemon.agent.loop import End, Hooks, Interrupted
from daemon.agent.messages import Call, Message
from daemon.agent.parts import keeps, merged, parsed, without
from daemon.agent.prompts import prompt
from daemon.agent.providers import ModelFault, Provider, Reply
from daemon.agent.providers.treatments import treatment
from daemon.agent.tools.run_tests import RUN_TESTS
from daemon.agent.tools.tool import Result
from daemon.agent.workspace import Outside, Workspace
from daemon.core.aim import TESTS
from daemon.core.likeness import tree_hash

FENCED = re.compile(r"^```[\w+-]*[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
OPEN = re.compile(r"^```[\w+-]*[ \t]*\n(.+)\Z", re.MULTILINE | re.DOTALL)
ENDED = "stop"  # by itself, not at a limit
SAID_CHARS_MAX = 1_000
# Of the tries at a goal in turn: the likeliest answer first, then others.
TEMPERATURES = (0.2, 0.6, 0.9)
SHOWN_CHARS_MAX = 2_000
TESTS_CHARS_MAX = 1_500
PARTS_CHARS_MIN = 4_000  # of a file: a longer one costs too much, and is cut, when it comes whole
SENTENCE = re.compile(r"(?<=[.;!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bvs\.)\s+(?=[A-Z(\"'`])")
LAID_OUT = re.compile(r"\s|[-*+|>#]|\d+[.)]\s|$")  # how a line begins that no sentence flows into
FLOWING_CHARS_MIN = 40  # of a line that ends where the paper does
TEST = re.compile(r"^(?:async )?def (test\w*)\(", re.MULTILINE)
NONE_YET = -1  # less than any answer passes: the file as it is does not reach the goal
PASSED = re.compile(r"\b(\d+) passed\b")


@dataclass
class Draft:
    """A text of the file, the tests that it passes, and what was said of those that it does not."""

    text: str
    passed: int = NONE_YET
    failed: str = ""
    asked: int = 0  # how often a model was


@dataclass
class Rewrite:
    """A few rounds on one file: an answer that fails is mended, and given up when nothing comes.

    `former` is the answer of a former run, which passed these tests and was refused by others.
    """

    provider: Provider
    workspace: Workspace
    hooks: Hooks
    rounds_max: int
    tries: int = 0  # at the same goal, before this run
    notes: str = ""  # of former runs
    former: str | None = None
    turns: int = 0
    tokens: int = 0
    _path: str = ""
    _goal: str = ""
    _tests: str = ""
    _first: Draft = field(default_factory=lambda: Draft(""))  # the file as it is
    _best: Draft = field(default_factory=lambda: Draft(""))  # what is worked on
    _in_parts: bool = False
    _what: str = ""  # an answer is to hold
    _more: list[Message] = field(default_factory=list)  # from people, meanwhile
    _wrong: dict[str, str] = field(default_factory=dict)  # by a file's hash: what it was told of

    def until_end(self, goal: str, module: str | None) -> End:
        try:
            path = module or self._named_in(goal)
            return self._rounds(goal, path, self.workspace.read(path))
        except Outside as refused:
            return End("failed", str(refused))
        except ModelFault as fault:
            return End(treatment(fault.code).status, fault.said)

    def _named_in(self, goal: str) -> str:
        """The one file that the goal names. Raises Outside when there is no such one."""
        named = [path for path in self.workspace.files() if path in goal]
        if len(named) != 1:
            text = "the goal names no file" if not named else f"the goal names {len(named)} files"
            raise Outside(f"{text}; say which one to rewrite with --module")
        return named[0]

    def _rounds(self, goal: str, path: str, before: str) -> End:
        self._path, self._goal = path, listed(goal)
        self._in_parts = len(before) >= PARTS_CHARS_MIN and path.endswith(".py")
        self._what = prompt("rewrite_parts" if self._in_parts else "rewrite_whole")
        self._wrong = {tree_hash({path: before}): prompt("rewrite_same")}
        self._tests = tests_of(self.workspace, path)
        failed = "" if self._tests else self._failing_now()
        self._first = self._best = Draft(before, failed=failed, asked=self.tries)
        wrong = self._reviewed(self.former) if self.former is not None else ""
        for _ in range(self.rounds_max):
            if self.hooks.stopped():
                return End("stopped", "somebody ended it")
            if self.hooks.late():
                return End("time", "the time is up")
            self._more += [Message(role="user", content=one) for one in self.hooks.told()]
            try:
                told = self._round(wrong)
            except Interrupted:
                continue
            if told is None:
                return End("done", f"rewrote {path}; the tests passed")
            wrong = told
        if self.hooks.late():
            return End("time", "the time is up")
        return End("failed", f"no new answer of {self.rounds_max} rounds passed the tests")

    def _failing_now(self) -> str:
        now = RUN_TESTS.call({}, self.workspace)
        return "" if now.ok else shortly(now.text, SAID_CHARS_MAX)

    def _round(self, wrong: str) -> str | None:
        """One answer, asked for and tried; None when it passes, else what the next one is told."""
        if self._best is self._first:
            return self._try(self._ask("rewrite", self._anew(), wrong))
        return self._try(self._ask("rewrite_mend", self._mended(), wrong))

    def _reviewed(self, former: str) -> str:
        """Nobody may see what refused the former answer: another look at the goal must find it."""
        self._wrong[tree_hash({self._path: former})] = prompt("rewrite_same")
        self._first = self._best = Draft(former, asked=max(0, self.tries - 1))
        undone = [self._file(), *self._goals(), prompt("rewrite_undone")]
        try:
            said = self._ask("rewrite_mend", undone, "").content.strip()
        except Interrupted:
            return ""
        self._best.asked -= 1
        return prompt("rewrite_advice").format(said=said[:SAID_CHARS_MAX])

    def _anew(self) -> list[str]:
        """What is wanted, shown: worth more to a small model than words."""
        parts = [self._file()]
        if self._tests:
            parts.append(prompt("rewrite_tests").format(text=self._tests))
        return [*parts, *self._failing(), *self._goals()]

    def _mended(self) -> list[str]:
        how = prompt("rewrite_why").format(what=self._what)
        return [self._file(), *self._failing(), how]

    def _file(self) -> str:
        text = self._best.text.rstrip("\n")
        return prompt("rewrite_task").format(module=self._path, text=text)

    def _goals(self) -> list[str]:
        return [prompt("rewrite_goal").format(goal=self._goal), *filter(None, [self.notes])]

    def _failing(self) -> list[str]:
        said = self._best.failed
        return [prompt("rewrite_failing").format(said=said)] if said else []

    def _ask(self, manner: str, parts: list[str], wrong: str) -> Reply:
        """In one question.

        It is numbered: a recording takes a question that comes again for a run begun anew.
        """
        if self.turns:
            parts = [*parts, *filter(None, [wrong])]
            parts.append(prompt("rewrite_number").format(number=self.turns + 1))
        messages = [
            Message(role="system", content=prompt(manner).format(what=self._what)),
            Message(role="user", content="\n\n".join(parts)),
            *self._more,
        ]
        temperature = TEMPERATURES[min(self._best.asked, len(TEMPERATURES) - 1)]
        self.turns += 1
        self._best.asked += 1
        reply = self.provider.reply(messages, [], temperature)
        self.tokens += reply.usage.prompt_tokens + reply.usage.completion_tokens
        self.hooks.turn(self.turns, reply.content[:SHOWN_CHARS_MAX])
        return reply

    def _try(self, reply: Reply) -> str | None:
        """Put the new file in place and test it; None when it passes, else what to tell."""
        found = map(self._own, fenced(reply.content, reply.finish == ENDED))
        # The longest: small models sometimes add a short example after it.
        text = max(found, key=len, default="")
        if not text:
            return prompt("rewrite_unfenced").format(what=self._what)
        if self._path.endswith(".py"):
            # What cannot be read can be mended as a whole alone: nothing can be put into it.
            whole = self._best if parsed(self._best.text) is not None else self._first
            text = merged(whole.text, text, self._in_parts)
        known = tree_hash({self._path: text})
        if known in self._wrong:  # what comes again costs no tests
            self._best = self._first
            return self._wrong[known]
        tried = self._test(text)
        if tried is None:
            return None
        self._wrong[known] = prompt("rewrite_failed").format(said=tried.failed, what=self._what)
        if tried.passed >= self._best.passed and keeps(self._first.text, text):
            self._best = tried
            return ""
        self._best = self._first
        return self._wrong[known]

    def _own(self, text: str) -> str:
        """Without tests that the model copied out of the question."""
        copied = set(TEST.findall(text)) & set(TEST.findall(self._tests))
        copied -= set(TEST.findall(self._first.text))
        return without(text, copied) if copied else text

    def _test(self, text: str) -> Draft | None:
        """None when all tests pass."""
        self.workspace.write(self._path, text)
        self.hooks.step(self.turns, f"rewrite {self._path}")
        call = Call(id="", name=RUN_TESTS.name, arguments="{}")
        self.hooks.call(self.turns, call)
        result: Result = RUN_TESTS.call({}, self.workspace)
        self.hooks.result(self.turns, call, result)
        if result.ok:
            return None
        return Draft(text, passed(result.text), shortly(result.text, SAID_CHARS_MAX))


def listed(goal: str) -> str:
    """A line a sentence: of a paragraph a small model does the first one.

    What has a layout of its own (code, lists) stays as it is.
    """
    if "```" in goal:
        return goal
    flowing, above = list[str](), ""
    for line in goal.splitlines():
        if len(above) >= FLOWING_CHARS_MIN and not LAID_OUT.match(line):
            flowing[-1] += f" {line}"
        elif line.strip():
            flowing.append(line)
        above = "" if LAID_OUT.match(line) else line
    return "\n".join(one for line in flowing for one in _sentences(line))


def _sentences(line: str) -> list[str]:
    if LAID_OUT.match(line):
        return [line]
    found, begin = list[str](), 0
    for end in SENTENCE.finditer(line):
        if not any(line.count(mark, 0, end.start()) % 2 for mark in '`"'):  # inside of one
            found.append(line[begin : end.start()])
            begin = end.end()
    return [f"- {one.strip()}" for one in (*found, line[begin:])]


def passed(said: str) -> int:
    """How many tests pytest says have passed; 0 when it says none, or when others speak."""
    return max(map(int, PASSED.findall(said)[-1:]), default=0)


def tests_of(workspace: Workspace, path: str) -> str:
    """The tests that speak of a Python file, if all of them are short; else nothing."""
    word = re.compile(rf"\b{re.escape(PurePosixPath(path).stem)}\b")
    found = ""
    for name in workspace.files():
        if name.endswith(".py") and name != path and TESTS.search(name):
            with suppress(Outside):  # what is no text is no test that could be shown
                text = workspace.read(name)
                found += text if word.search(text) else ""
            if len(found) > TESTS_CHARS_MAX:
                return ""
    return found.strip()


def fenced(reply: str, ended: bool = False) -> list[str]:
    """The fenced blocks; a model that `ended` by itself may have forgotten to close its one."""
    return FENCED.findall(reply) or (OPEN.findall(reply) if ended else [])
