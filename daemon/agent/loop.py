"""The loop: ask the model, run its calls, tell it the results, until it is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from daemon.agent.extraction import extract
from daemon.agent.messages import Call, Message
from daemon.agent.prompts import prompt
from daemon.agent.providers import ModelFault, Provider, Reply
from daemon.agent.providers.treatments import treatment
from daemon.agent.tools import TOOLS
from daemon.agent.tools.tool import Result, Tool
from daemon.agent.workspace import Workspace

SILENT_TURNS_MAX = 3
REPEATS_MAX = 3
CALLS_A_TURN_MAX = 16
UNPROVED_MAX = 2
SHOWN_CHARS_MAX = 2_000


@dataclass(frozen=True)
class End:
    """How a run ended, by the one door: done, answered, failed, limit, stuck, unfit or model."""

    status: str
    reason: str


@dataclass
class Hooks:
    """What others want to know; `step` returns when the step is safe with them."""

    turn: Callable[[int, str], None]
    call: Callable[[int, Call], None]
    result: Callable[[int, Call, Result], None]
    step: Callable[[int, str], None]
    late: Callable[[], bool]  # whether the time is up


@dataclass
class Run:
    """One run; `messages` is its whole state."""

    provider: Provider
    workspace: Workspace
    hooks: Hooks
    steps_max: int
    messages: list[Message] = field(default_factory=list)
    tools: tuple[Tool, ...] = TOOLS
    talks: bool = False  # a reply without a call is the answer, and ends the run
    turns: int = 0
    tokens: int = 0
    silent: int = 0
    repeats: int = 0
    unproved: int = 0
    last: tuple[list[Call], list[str]] | None = None
    proved: object = None  # the workspace's fingerprint when its tests last passed

    def until_end(self) -> End:
        try:
            while True:
                if (end := self._limit()) is not None:
                    return end
                if (end := self._turn()) is not None:
                    return end
        except ModelFault as fault:
            return End(treatment(fault.code).status, fault.said)

    def _limit(self) -> End | None:
        if self.turns >= self.steps_max:
            return End("limit", f"{self.steps_max} steps were not enough")
        if self.hooks.late():
            return End("limit", "the time is up")
        return None

    def _turn(self) -> End | None:
        self.turns += 1
        reply = self.provider.reply(self.messages, [tool.schema() for tool in self.tools])
        self.tokens += reply.usage.prompt_tokens + reply.usage.completion_tokens
        self.messages.append(Message(role="assistant", content=reply.content, calls=reply.calls))
        self.hooks.turn(self.turns, reply.content[:SHOWN_CHARS_MAX])
        calls = self._calls(reply)[:CALLS_A_TURN_MAX]
        if not calls:
            return End("answered", reply.content) if self.talks else self._nudge("nudge")
        self.silent = 0
        before = self.workspace.fingerprint()
        end, texts = self._run_all(calls)
        after = self.workspace.fingerprint()
        if after != before:
            self.hooks.step(self.turns, ", ".join(dict.fromkeys(call.name for call in calls)))
        return end or self._repeated(calls, texts, changed=after != before)

    def _nudge(self, name: str) -> End | None:
        self.silent += 1
        if self.silent >= SILENT_TURNS_MAX:
            return End("stuck", f"{SILENT_TURNS_MAX} replies in a row held no tool call")
        self.messages.append(Message(role="user", content=prompt(name)))
        return None

    def _calls(self, reply: Reply) -> list[Call]:
        """Declared calls first, then those in the text; one that stands in both runs once."""
        schemas = [tool.schema() for tool in self.tools]
        embedded = [
            Call(id="", name=call.name, arguments=json.dumps(call.arguments))
            for call in extract(reply.content, schemas).calls
        ]
        calls = list(reply.calls)
        calls += [one for one in embedded if not any(one.same_as(call) for call in reply.calls)]
        return calls

    def _run_all(self, calls: Sequence[Call]) -> tuple[End | None, list[str]]:
        end: End | None = None
        texts = []
        for call in calls:
            self.hooks.call(self.turns, call)
            result = (
                self._run(call) if end is None else Result("not run: the work has ended", False)
            )
            if call.name == "done" and result.ok and end is None:
                end, result = self._done(result)
            self.hooks.result(self.turns, call, result)
            self._answer(call, result)
            texts.append(result.text)
        return end, texts

    def _answer(self, call: Call, result: Result) -> None:
        if call.id:
            self.messages.append(Message(role="tool", content=result.text, answers=call.id))
        else:
            text = f"[{call.name}]\n{result.text}"
            self.messages.append(Message(role="user", content=text))

    def _run(self, call: Call) -> Result:
        tool = next((tool for tool in self.tools if tool.name == call.name), None)
        if tool is None:
            names = ", ".join(tool.name for tool in self.tools)
            return Result(f"error: there is no tool {call.name}; there are: {names}", ok=False)
        arguments = call.value()
        if isinstance(arguments, str):
            return Result("error: the arguments are not valid JSON", ok=False)
        result = _guarded(tool, arguments, self.workspace)
        if tool.name == "run_tests" and result.ok:
            self.proved = self.workspace.fingerprint()
        return result

    def _done(self, result: Result) -> tuple[End | None, Result]:
        """`done` counts when the tests passed after the last edit; else it goes back once."""
        if self.proved is not None and self.proved == self.workspace.fingerprint():
            return End("done", result.text), result
        self.unproved += 1
        if self.unproved >= UNPROVED_MAX:
            return End("failed", "it called done again without tests that passed"), result
        said = "not accepted: call run_tests after your last edit; done counts when they pass"
        return None, Result(said, ok=False)

    def _repeated(self, calls: list[Call], texts: list[str], changed: bool) -> End | None:
        """The same calls with the same answers change nothing: told once, then the end."""
        same = (
            not changed
            and self.last is not None
            and len(self.last[0]) == len(calls)
            and all(a.same_as(b) for a, b in zip(self.last[0], calls, strict=True))
            and self.last[1] == texts
        )
        self.last = (calls, texts)
        self.repeats = self.repeats + 1 if same else 0
        if self.repeats >= REPEATS_MAX - 1:
            return End("stuck", f"the same call was made {REPEATS_MAX} times with the same answer")
        if same:
            self.messages.append(Message(role="user", content=prompt("repeated")))
        return None


def _guarded(tool: Tool, arguments: object, workspace: Workspace) -> Result:
    """A tool that breaks has not ended the run: the model is told."""
    try:
        return tool.call(arguments, workspace)
    except Exception as broken:  # noqa: BLE001 - the door of tool calls
        return Result(f"error: {tool.name} broke: {type(broken).__name__}", ok=False)
