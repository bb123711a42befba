"""The loop: ask the model, run its calls, tell it the results, until it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from daemon.agent.compaction import compacted, too_long, was_cut
from daemon.agent.ends import End, Limits
from daemon.agent.hooks import Hooks, Interrupted
from daemon.agent.judge import missing
from daemon.agent.messages import Call, Message
from daemon.agent.offer import small_form
from daemon.agent.patterns import circling
from daemon.agent.prompts import prompt
from daemon.agent.providers import ModelFault, Provider, Reply
from daemon.agent.providers.treatments import treatment
from daemon.agent.reading import Reading, read
from daemon.agent.record import Record
from daemon.agent.state import Event, State, dumped, replayed, reply_event, result_event, said
from daemon.agent.tools import TOOLS
from daemon.agent.tools.tool import Result, Risk, Tool
from daemon.agent.workspace import Workspace

__all__ = ["End", "Hooks", "Interrupted", "Limits", "Run"]
CALLS_A_TURN_MAX = 16  # the others are answered too, but not run
UNPROVED_MAX = 2
SHOWN_CHARS_MAX = 2_000


@dataclass
class Run:
    """One run. With a record each step is durable before the next, and it goes on after a crash."""

    provider: Provider
    workspace: Workspace
    hooks: Hooks
    steps_max: int
    tools: tuple[Tool, ...] = TOOLS
    talks: bool = False  # a reply without a call is the answer, and ends the run
    must_change: bool = False  # `done` needs a changed file, beside tests that pass
    loose: bool = False  # guess calls from the prose of very small models
    declared: list[dict[str, Any]] | None = None  # to the model; None: the schemas of all tools
    limits: Limits | None = None
    record: Record | None = None
    state: State = field(default_factory=State)

    def __post_init__(self) -> None:
        if self.record is not None:
            self.state = replayed(self.record.events)
        # A former process may have begun with the first call that has no result.
        self._doubtful = self.state.running and bool(self.state.pending)
        self._limits = self.limits or Limits(self.steps_max)

    @property
    def messages(self) -> list[Message]:
        return self.state.messages

    @messages.setter
    def messages(self, opening: list[Message]) -> None:
        """What opens the run; one that goes on has its opening already."""
        if not self.state.messages:
            self._happens(said(*opening))

    @property
    def turns(self) -> int:
        return self.state.turns

    @property
    def tokens(self) -> int:
        return self.state.tokens

    def until_end(self) -> End:
        """The one door: every end comes through here, and is recorded."""
        end = self.state.end or self._until_end()
        if self.state.end is None:
            self._happens({"kind": "end", "status": end.status, "reason": end.reason})
        return end

    def _until_end(self) -> End:
        while True:
            try:
                end = self._finish_turn() if self.state.running else self.state.ending
                end = end or self._limit() or self._ask()
            except ModelFault as fault:
                end = self._treated(fault)
            except Interrupted:
                continue
            if end is not None:
                return end

    def _happens(self, event: Event, durable: bool = True) -> None:
        """The record knows it before we act on it.

        A reply reaches the disk before its calls run, and with it the results of the turn
        before; so do the results of a turn before the next of its calls that has an effect.
        So nothing that has an effect can come twice, for one sync a step of one call.
        """
        if self.record is not None:
            self.record.write(event, durable)
        self.state.apply(event)

    def _over(self) -> End | None:
        """What ends it at once, and is looked for before each call and each question."""
        if self.hooks.stopped():
            return End("stopped", "somebody ended it")
        return End("time", "the time is up") if self.hooks.late() else None

    def _limit(self) -> End | None:
        if (end := self._over()) is not None:
            return end
        words = self.hooks.told()
        if words:
            told = (Message(role="user", content=one, spoken=True) for one in words)
            self._happens(said(*told))
        state = self.state
        return self._limits.passed(state.turns, state.usage, state.misfits)

    def _treated(self, fault: ModelFault) -> End | None:
        """What is too long is made shorter, tools are told in words; else it ends the run."""
        kind = treatment(fault.code)
        if kind.compact and self._compact():
            return None
        if kind.in_words and not self.state.in_words:
            self._tell_in_words()
            return None
        return End(kind.status, fault.said)

    def _tell_in_words(self) -> None:
        """From now on the tools are not declared; calls are then found in the text."""
        words = small_form(self.tools, self._limits.tool_tokens)
        words += "\n\n" + prompt("room_small") if self.talks else ""
        message = Message(role="user", content=words)
        self._happens({"kind": "in_words", "messages": [dumped(message)]})

    def _compact(self) -> bool:
        shorter = compacted(self.messages, self._limits.context_tokens)
        if shorter is not None:
            self._happens({"kind": "compacted", "messages": [dumped(one) for one in shorter]})
        return shorter is not None

    def _ask(self) -> End | None:
        """One reply; its calls are run by what comes next."""
        too_much = too_long(self.messages, self._limits.context_tokens)
        if (too_much or self.state.cut) and not self._compact() and too_much:
            return End("context", "the conversation is too long, and cannot be made shorter")
        schemas = [tool.schema() for tool in self.tools]
        told = schemas if self.declared is None else self.declared
        told = [] if self.state.in_words else told
        reply = self.provider.reply(self.messages, told)
        found = read(reply, schemas, self.loose)
        before = self.workspace.fingerprint() if found.calls else ""
        event = reply_event(reply, found.calls, before)
        event["cut"] = was_cut(self.messages, reply.usage)
        if found.calls:  # told with the results: between calls and results nothing may stand
            event["faults"] = [dumped(one) for one in found.told()]
        self._happens(event)
        self.hooks.turn(self.turns, reply.content[:SHOWN_CHARS_MAX])
        if found.calls:
            return None
        misread = {fault.name for fault in found.faults} & {tool.name for tool in self.tools}
        if self.talks and not misread and (found.prose.strip() or not found.faults):
            return End("answered", reply.content)
        self._misfit(reply, found)
        return None

    def _misfit(self, reply: Reply, found: Reading) -> None:
        """A reply that holds no call: the model hears what was wrong with it."""
        name = "cut" if reply.finish == "length" else "nudge"
        self._misfits(found.told() or [Message(role="user", content=prompt(name))])

    def _misfits(self, words: list[Message]) -> None:
        self._happens({"kind": "misfit", "messages": [dumped(one) for one in words]})

    def _finish_turn(self) -> End | None:
        """Run what has no result yet, and close the turn."""
        state = self.state
        if not state.calls:  # a former process ended between the reply and what it deserves
            self._misfits([Message(role="user", content=prompt("nudge"))])
            return None
        while state.pending:
            call = state.pending[0]
            self.hooks.call(self.turns, call)
            result, more = self._result(call)
            self.hooks.result(self.turns, call, result)
            follows = state.pending[1:2]
            durable = any(not self._harmless(one) for one in follows)
            self._happens(result_event(call, result) | more, durable)
        return self._close_turn()

    def _result(self, call: Call) -> tuple[Result, Event]:
        """A call is run, unless the work has ended, or nobody knows whether it ran already."""
        doubtful, self._doubtful = self._doubtful, False
        if self.state.ending is not None:
            return _not_run("the work has ended"), {}
        if (end := self._over()) is not None:
            return _not_run(end.reason), {"ending": (end.status, end.reason)}
        if self.hooks.urgent():
            return _not_run("somebody has something to say first"), {}
        if len(self.state.results) >= CALLS_A_TURN_MAX:
            return _not_run(f"more than {CALLS_A_TURN_MAX} calls in one reply", misfit=True), {}
        if doubtful and not self._harmless(call):
            return Result(prompt("interrupted"), ok=False), {}
        if (known := self._known(call)) is not None:
            return known, {}
        result = self._run(call)
        if call.name == "run_tests" and result.ok:
            return result, {"proved": self.workspace.fingerprint()}
        return self._done(result) if call.name == "done" and result.ok else (result, {})

    def _known(self, call: Call) -> Result | None:
        """The result of the same call in this reply, if nothing since may have changed it."""
        state = self.state
        for before, result in reversed(list(zip(state.calls, state.results, strict=False))):
            if before.same_as(call):
                return result
            if not self._harmless(before):
                break
        return None

    def _harmless(self, call: Call) -> bool:
        tool = self._tool(call.name)
        return tool is None or tool.risk in (Risk.READS, Risk.ENDS) or call.name == "run_tests"

    def _close_turn(self) -> End | None:
        state = self.state
        changed = self.workspace.fingerprint() != state.before
        if changed:
            names = dict.fromkeys(call.name for call in state.calls)
            self.hooks.step(self.turns, ", ".join(names))
        pattern, nudged = circling([*state.recent, state.turn(changed)]), state.nudged
        words = [Message(role="user", content=prompt("repeated"))] if pattern else []
        told = state.faults + ([] if nudged else [dumped(one) for one in words])
        self._happens(
            {"kind": "turn", "changed": changed, "nudged": bool(pattern), "messages": told}, False
        )
        if state.ending is None and pattern and nudged:
            return End("stuck", pattern)
        return state.ending

    def _tool(self, name: str) -> Tool | None:
        return next((tool for tool in self.tools if tool.name == name), None)

    def _run(self, call: Call) -> Result:
        tool = self._tool(call.name)
        if tool is None:
            names = ", ".join(tool.name for tool in self.tools)
            return Result(f"error: there is no tool {call.name}; there are: {names}", False, True)
        arguments = call.value()
        if isinstance(arguments, str):
            return Result("error: the arguments are not valid JSON", False, True)
        return _guarded(tool, arguments, self.workspace)

    def _done(self, result: Result) -> tuple[Result, Event]:
        """`done` counts when the judge finds it shown; else it goes back once."""
        now = self.workspace.fingerprint()
        changed = not self.must_change or self.state.changed or now != self.state.before
        lacking = missing(changed, tested=bool(self.state.proved) and self.state.proved == now)
        if not lacking:
            return result, {"ending": ("done", result.text)}
        if self.state.unproved + 1 >= UNPROVED_MAX:
            why = f"it called done again without evidence: {lacking}"
            return result, {"unproved": True, "ending": ("failed", why)}
        said = prompt("unshown").format(lacking=lacking)
        return Result(said, ok=False), {"unproved": True}


def _not_run(why: str, misfit: bool = False) -> Result:
    return Result(f"not run: {why}", False, misfit)


def _guarded(tool: Tool, arguments: object, workspace: Workspace) -> Result:
    """A tool that breaks has not ended the run: the model is told."""
    try:
        return tool.call(arguments, workspace)
    except Exception as broken:  # noqa: BLE001 - the door of tool calls
        return Result(f"error: {tool.name} broke: {type(broken).__name__}", ok=False)
