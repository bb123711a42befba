"""The protocol for small models: the goal and one file in, the new file out, tests decide."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from daemon.agent.failures import shortly
from daemon.agent.loop import End, Hooks, Interrupted
from daemon.agent.messages import Call, Message
from daemon.agent.parts import merged
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


@dataclass
class Rewrite:
    """A few rounds on one file."""

    provider: Provider
    workspace: Workspace
    hooks: Hooks
    rounds_max: int
    tries: int = 0  # at the same goal, before this run
    turns: int = 0
    tokens: int = 0
    _before: str = ""
    _in_parts: bool = False
    _what: str = ""  # an answer is to hold
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
        self._before = before
        self._in_parts = len(before) >= PARTS_CHARS_MIN and path.endswith(".py")
        self._what = prompt("rewrite_parts" if self._in_parts else "rewrite_whole")
        self._wrong = {tree_hash({path: before}): prompt("rewrite_same")}
        opening = self._opening(goal, path, before)
        wrong = ""
        for _ in range(self.rounds_max):
            if self.hooks.stopped():
                return End("stopped", "somebody ended it")
            if self.hooks.late():
                return End("time", "the time is up")
            opening += [Message(role="user", content=one) for one in self.hooks.told()]
            try:
                reply = self._ask(self._with(opening, wrong))
            except Interrupted:
                continue
            # What was wrong is told, not shown: a small model copies what it reads, even that.
            wrong = self._try(path, reply)
            if not wrong:
                return End("done", f"rewrote {path}; the tests passed")
        if self.hooks.late():
            return End("time", "the time is up")
        return End("failed", f"the tests still fail after {self.rounds_max} rounds")

    def _opening(self, goal: str, path: str, text: str) -> list[Message]:
        """What is wanted, shown: worth more to a small model than words."""
        task = prompt("rewrite_task").format(goal=goal, module=path, text=text)
        tests = tests_of(self.workspace, path)
        if tests:
            task += "\n\n" + prompt("rewrite_tests").format(text=tests)
        elif not (now := RUN_TESTS.call({}, self.workspace)).ok:
            said = shortly(now.text, SAID_CHARS_MAX)
            task += "\n\n" + prompt("rewrite_failing").format(said=said)
        return [
            Message(role="system", content=prompt("rewrite").format(what=self._what)),
            Message(role="user", content=task),
        ]

    def _with(self, opening: list[Message], wrong: str) -> list[Message]:
        """The opening, and what was wrong with the last answer, in one question.

        It is numbered: a recording takes a question that comes again for a run begun anew.
        """
        if not wrong:
            return opening
        *before, last = opening
        number = prompt("rewrite_number").format(number=self.turns + 1)
        content = "\n\n".join((last.content, wrong, number))
        return [*before, Message(role=last.role, content=content)]

    def _ask(self, messages: list[Message]) -> Reply:
        temperature = TEMPERATURES[min(self.tries + self.turns, len(TEMPERATURES) - 1)]
        self.turns += 1
        reply = self.provider.reply(messages, [], temperature)
        self.tokens += reply.usage.prompt_tokens + reply.usage.completion_tokens
        self.hooks.turn(self.turns, reply.content[:SHOWN_CHARS_MAX])
        return reply

    def _try(self, path: str, reply: Reply) -> str:
        """Put the new file in place and test it; what the model must hear, if anything."""
        text = fenced(reply.content, reply.finish == ENDED)
        if text is None:
            return prompt("rewrite_unfenced").format(what=self._what)
        if path.endswith(".py"):
            text = merged(self._before, text, self._in_parts)
        known = tree_hash({path: text})
        if known not in self._wrong:  # what comes again costs no tests
            wrong = self._test(path, text)
            if not wrong:
                return ""
            self._wrong[known] = wrong
        return self._wrong[known]

    def _test(self, path: str, text: str) -> str:
        self.workspace.write(path, text)
        self.hooks.step(self.turns, f"rewrite {path}")
        call = Call(id="", name=RUN_TESTS.name, arguments="{}")
        self.hooks.call(self.turns, call)
        result: Result = RUN_TESTS.call({}, self.workspace)
        self.hooks.result(self.turns, call, result)
        if result.ok:
            return ""
        said = shortly(result.text, SAID_CHARS_MAX)
        return prompt("rewrite_failed").format(said=said, what=self._what)


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


def fenced(reply: str, ended: bool = False) -> str | None:
    """The longest fenced block: small models sometimes add a short example after it.

    A model that `ended` by itself may have forgotten to close its only one.
    """
    blocks = FENCED.findall(reply) or (OPEN.findall(reply) if ended else [])
    return max(blocks, key=len) if blocks else None
