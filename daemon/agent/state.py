"""The state of a run, made of what happened: the same events build it live and after a crash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from daemon.agent.ends import End
from daemon.agent.messages import Call, Message
from daemon.agent.patterns import WINDOW_TURNS, Turn, turn_of
from daemon.agent.providers import Reply, Usage
from daemon.agent.tools.tool import Result

Event = dict[str, Any]


@dataclass
class State:
    """`pending` are the calls of the last reply that have no result yet."""

    messages: list[Message] = field(default_factory=list)
    turns: int = 0
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    calls: list[Call] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)  # of the first of `calls`
    cut: bool = False  # whether the server left out a part of the last question
    faults: list[Event] = field(default_factory=list)  # messages on calls that were not readable
    running: bool = False  # whether the last reply's turn is still open
    before: str = ""  # the workspace's fingerprint when the turn began
    recent: list[Turn] = field(default_factory=list)
    nudged: bool = False
    misfits: int = 0
    unproved: int = 0
    changed: bool = False  # whether any turn left the workspace other than it was
    proved: str = ""  # the workspace's fingerprint when its tests last passed
    in_words: bool = False  # the model takes no declared tools, and was told of them
    ending: End | None = None  # what the turn that is open, or was the last, leads to
    end: End | None = None

    @property
    def pending(self) -> list[Call]:
        return self.calls[len(self.results) :]

    @property
    def tokens(self) -> int:
        return self.usage.total

    def apply(self, event: Mapping[str, Any]) -> None:
        kind = event["kind"]
        if kind == "said":
            self.messages += _messages(event["messages"])
        elif kind == "reply":
            self._reply(event)
        elif kind == "result":
            self.messages += _messages([event["message"]])
            self.results.append(Result(event["text"], event["ok"], event["misfit"]))
            self.proved = event.get("proved", self.proved)
            self.unproved += bool(event.get("unproved"))
            self.ending = End(*event["ending"]) if "ending" in event else self.ending
        elif kind == "turn":
            self.recent.append(self.turn(event["changed"]))
            self.changed = self.changed or event["changed"]
            del self.recent[:-WINDOW_TURNS]
            self.nudged, self.running = event["nudged"], False
            self.misfits = self.misfits + 1 if all(one.misfit for one in self.results) else 0
            self.messages += _messages(event["messages"])
        elif kind == "misfit":
            self.misfits, self.running = self.misfits + 1, False
            self.messages += _messages(event["messages"])
        elif kind == "in_words":
            self.in_words = True
            self.messages += _messages(event["messages"])
        elif kind == "compacted":
            self.messages, self.cut = _messages(event["messages"]), False
        elif kind == "end":
            self.end = End(event["status"], event["reason"])

    def _reply(self, event: Mapping[str, Any]) -> None:
        self.turns += 1
        self.messages += _messages([event["message"]])
        self.calls = [Call.model_validate(call) for call in event["calls"]]
        self.results, self.cut = [], bool(event.get("cut"))
        self.faults = list(event.get("faults", ()))
        self.before, self.running = event["before"], True
        self.model = event["model"] or self.model
        used = Usage(**event["usage"])
        self.usage = Usage(
            self.usage.prompt_tokens + used.prompt_tokens,
            self.usage.completion_tokens + used.completion_tokens,
            self.usage.cached_tokens + used.cached_tokens,
            self.usage.estimated or used.estimated,
        )

    def turn(self, changed: bool) -> Turn:
        """The last one, as the patterns see it."""
        failed = bool(self.results) and not any(one.ok for one in self.results)
        return turn_of(self.calls, [one.text for one in self.results], changed, failed)


def replayed(events: Iterable[Mapping[str, Any]]) -> State:
    state = State()
    for event in events:
        state.apply(event)
    return state


def said(*messages: Message) -> Event:
    return {"kind": "said", "messages": [dumped(one) for one in messages]}


def reply_event(reply: Reply, calls: Iterable[Call], before: str) -> Event:
    message = Message(role="assistant", content=reply.content, calls=reply.calls)
    return {
        "kind": "reply",
        "message": dumped(message),
        "calls": [call.model_dump() for call in calls],
        "before": before,
        "model": reply.model,
        "usage": asdict(reply.usage),
    }


def result_event(call: Call, result: Result) -> Event:
    if call.id:
        message = Message(role="tool", content=result.text, answers=call.id)
    else:
        message = Message(role="user", content=f"[{call.name}]\n{result.text}")
    event = {"kind": "result", "message": dumped(message), "text": result.text}
    return event | {"ok": result.ok, "misfit": result.misfit}


def dumped(message: Message) -> dict[str, Any]:
    return message.model_dump(exclude_defaults=True)


def _messages(values: Iterable[Any]) -> list[Message]:
    return [Message.model_validate(value) for value in values]
