"""What was said in a room: the entries that are kept, and what of them each member may hear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from daemon.agent.messages import Message

PERSON = "you"
HEARD_CHARS_MAX = 24_000  # the newest entries up to here; what came before is counted
ENTRY_CHARS_MAX = 8_000


class Entry(BaseModel):
    """One thing that was said; `to` names those who may hear it, nobody named is everybody."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    who: str
    text: str
    to: tuple[str, ...] = ()
    kind: Literal["said", "file", "failed", "interrupted", "unproved"] = "said"
    model: str = ""
    tokens: int = 0
    deeds: tuple[str, ...] = ()  # what its speaker's tools did until then

    def heard_by(self, name: str) -> bool:
        return self.who == name or not self.to or name in self.to


def heard(entries: Sequence[Entry], name: str, chars_max: int = HEARD_CHARS_MAX) -> list[Message]:
    """The conversation as `name` knows it: its own words as assistant, all others' as user.

    Neighbours of one role are one message, since some models take turns only. Of the newest
    entries at most `chars_max`, and the last one always.
    """
    mine = [entry for entry in entries if entry.heard_by(name) and entry.kind != "failed"]
    kept, left_out = _newest(mine, chars_max)
    messages: list[Message] = []
    if left_out:
        note = f"[{left_out} earlier messages are left out]"
        messages.append(Message(role="user", content=note))
    for entry in kept:
        own = entry.who == name
        doubt = " (without evidence)" if entry.kind == "unproved" else ""
        text = cut(entry.text) if own else f"{entry.who}{doubt}: {cut(entry.text)}"
        _add(messages, Message(role="assistant" if own else "user", content=text))
    return messages


def _newest(entries: Sequence[Entry], chars_max: int) -> tuple[Sequence[Entry], int]:
    used = 0
    for at in range(len(entries) - 1, -1, -1):
        used += min(len(entries[at].text), ENTRY_CHARS_MAX)
        if used > chars_max and at < len(entries) - 1:
            return entries[at + 1 :], at + 1
    return entries, 0


def _add(messages: list[Message], new: Message) -> None:
    if messages and messages[-1].role == new.role:
        joined = f"{messages[-1].content}\n\n{new.content}"
        messages[-1] = messages[-1].model_copy(update={"content": joined})
    else:
        messages.append(new)


def cut(text: str) -> str:
    if len(text) <= ENTRY_CHARS_MAX:
        return text
    half = ENTRY_CHARS_MAX // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"
