"""Twenty conversations without any wire protocol: what is asked, and what the model answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "YPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@dataclass(frozen=True)
class Told:
    """One call as a model makes it: `pieces` are its arguments as they come."""

    name: str
    pieces: tuple[str, ...]
    id: str = ""

    @property
    def arguments(self) -> str:
        return "".join(self.pieces) or "{}"


@dataclass(frozen=True)
class Conversation:
    """`text` and `thoughts` come in pieces; `interleaved` calls take turns, where that can be."""

    messages: list[dict[str, Any]]
    text: tuple[str, ...] = ()
    thoughts: tuple[str, ...] = ()
    calls: tuple[Told, ...] = ()
    finish: str = "stop"
    tools: tuple[dict[str, Any], ...] = ()
    more: dict[str, Any] = field(default_factory=dict)
    counted: bool = True
    interleaved: bool = False


def tool(name: str, **properties: str) -> dict[str, Any]:
    fields = {key: {"type": kind} for key, kind in properties.items()}
    parameters = {"type": "object", "properties": fields, "required": list(fields)}
    return {
        "type": "function",
        "function": {"name": name, "description": f"{name}.", "parameters": parameters},
    }


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def assistant(text: str, *calls: tuple[str, str, str]) -> dict[str, Any]:
    made = [
        {"id": one, "type": "function", "function": {"name": name, "arguments": arguments}}
        for one, name, arguments in calls
    ]
    return {"role": "assistant", "content": text} | ({"tool_calls": made} if made else {})


def result(identity: str, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": identity, "content": text}


WEATHER = tool("weather", city="string")
ADD = tool("add", a="integer", b="integer")
NOW = {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}
ASK = [user("What is the weather in Oslo?")]
OSLO = Told("weather", ('{"city"', ': "Os', 'lo"}'), "call_a")
SUM = Told("add", ('{"a": 1,', ' "b": 2}'), "call_b")
USED = [
    *ASK,
    assistant("I look.", ("call_1", "weather", '{"city": "Oslo"}')),
    result("call_1", "4 degrees, rain"),
]

CONVERSATIONS: dict[str, Conversation] = {
    "text": Conversation([user("hi")], ("Hel", "lo", " there")),
    "one_piece": Conversation([user("hi")], ("Hello there",)),
    "empty": Conversation([user("say nothing")]),
    "unicode": Conversation(
        [user("späßchen 🎉")], ("Gr", "üße", " 🎉", "\u2028", "line\u2029", "\u00a0end\n\n")
    ),
    "many_pieces": Conversation([user("count")], tuple(f"{n} " for n in range(200))),
    "system": Conversation([system("Be short."), user("hi")], ("Hi",)),
    "two_systems": Conversation(
        [system("Be short."), user("hi"), system("Be kind."), user("?")], ("Hi",)
    ),
    "many_turns": Conversation(
        [user("a"), assistant("b"), user("c"), assistant("d"), user("e")], ("f",)
    ),
    "reasoning": Conversation([user("think")], ("42",), ("Let me ", "think")),
    "one_call": Conversation(ASK, calls=(OSLO,), finish="tool_calls", tools=(WEATHER,)),
    "text_and_call": Conversation(
        ASK, ("I look ", "it up."), calls=(OSLO,), finish="tool_calls", tools=(WEATHER, ADD)
    ),
    "thought_and_call": Conversation(ASK, (), ("Oslo it is",), (OSLO,), "tool_calls", (WEATHER,)),
    "two_calls": Conversation(ASK, calls=(OSLO, SUM), finish="tool_calls", tools=(WEATHER, ADD)),
    "interleaved_calls": Conversation(
        ASK, calls=(OSLO, SUM), finish="tool_calls", tools=(WEATHER, ADD), interleaved=True
    ),
    "call_without_arguments": Conversation(
        [user("the time?")], calls=(Told("now", (), "call_t"),), finish="tool_calls", tools=(NOW,)
    ),
    "after_a_result": Conversation(USED, ("4 degrees ", "and rain."), tools=(WEATHER,)),
    "after_two_results": Conversation(
        [
            user("both"),
            assistant("", ("c1", "weather", '{"city": "Oslo"}'), ("c2", "add", '{"a": 1, "b": 2}')),
            result("c1", "rain"),
            result("c2", "3"),
        ],
        ("Rain, and 3.",),
        tools=(WEATHER, ADD),
    ),
    "image": Conversation(
        [
            user(
                [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": PIXEL}},
                ]
            )
        ],
        ("A pixel.",),
    ),
    "cut_by_length": Conversation(
        [user("a long story")], ("Once upon",), finish="length", more={"max_tokens": 2}
    ),
    "uncounted": Conversation(
        [user("hi")], ("Hello there, ", "my friend"), counted=False, more={"temperature": 0.5}
    ),
}
