"""A conversation that grew too long, made shorter: by policy, with proof, and never for ever.

What opens it stays, and what a person said since. A call and its results stay together or go
together. Each stage is tried only when the one before did not make it short enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from daemon.agent.messages import Message
from daemon.agent.prompts import prompt
from daemon.agent.providers import Usage

CHARS_PER_TOKEN = 3  # careful: code has more tokens than prose
FULL_RATIO = 0.75  # of the context: beyond it a reply may not fit any more
WANTED_RATIO = 0.5
PROGRESS_RATIO = 0.9  # what a compaction has to come below to have been worth it
KEPT_TURNS = 6
RESULT_CHARS_MIN = 400  # a result that is shorter is not worth leaving out
LAST_CHARS_MAX = 4_000
TOLD_CALLS_MAX = 60
TOLD_CHARS_MAX = 120
CUT_RATIO = 0.4  # of the tokens that were sent: who counts fewer did not read them all
CUT_TOKENS_MIN = 4_096  # what is shorter fits anywhere
MESSAGE_CHARS = 16  # what a message costs beside its words


@dataclass(frozen=True)
class Turn:
    """An assistant's message with everything that answers it."""

    messages: tuple[Message, ...]


def size_of(messages: Sequence[Message]) -> int:
    """In characters, calls and all."""
    return sum(
        MESSAGE_CHARS
        + len(one.content)
        + sum(len(call.arguments) + len(call.name) for call in one.calls)
        for one in messages
    )


def too_long(messages: Sequence[Message], context_tokens: int) -> bool:
    return bool(context_tokens) and (
        size_of(messages) > context_tokens * CHARS_PER_TOKEN * FULL_RATIO
    )


def was_cut(messages: Sequence[Message], usage: Usage) -> bool:
    """Whether the server read but a part, as some do without a word; an estimate tells nothing."""
    sent = size_of(messages) / CHARS_PER_TOKEN
    counted = usage.prompt_tokens and not usage.estimated
    return bool(counted) and sent > CUT_TOKENS_MIN and usage.prompt_tokens < sent * CUT_RATIO


def compacted(messages: Sequence[Message], context_tokens: int) -> list[Message] | None:
    """A shorter conversation, None when it cannot be made shorter.

    `context_tokens` 0: not known, only that this was too much.
    """
    known = int(context_tokens * CHARS_PER_TOKEN * WANTED_RATIO)
    before = size_of(messages)
    wanted = min(known, before // 2) if known else before // 2
    best: list[Message] | None = None
    for stage in STAGES:
        shorter = stage(list(messages))
        if size_of(shorter) < before * PROGRESS_RATIO and (
            best is None or size_of(shorter) < size_of(best)
        ):
            best = shorter
        if best is not None and size_of(best) <= wanted:
            break
    return best


def _without_old_results(messages: list[Message]) -> list[Message]:
    """The results of old turns are left out; that they were there is said."""
    opening, turns = split(messages)
    old, new = turns[:-KEPT_TURNS], turns[-KEPT_TURNS:]
    return [*opening, *(one for turn in old for one in _stubbed(turn)), *_flat(new)]


def _stubbed(turn: Turn) -> list[Message]:
    first, *rest = turn.messages
    return [first, *(_stub(one) for one in rest)]


def _stub(message: Message) -> Message:
    length = len(message.content)
    if length < RESULT_CHARS_MIN or message.spoken:
        return message
    return message.model_copy(
        update={"content": f"[{length} characters left out; call again to see them]", "images": ()}
    )


def _digested(messages: list[Message]) -> list[Message]:
    """Old turns become a list of what was done."""
    opening, turns = split(messages)
    old, new = turns[:-KEPT_TURNS], turns[-KEPT_TURNS:]
    return [*_one_digest(opening), *_digest(old), *_flat(new)]


def _reset(messages: list[Message]) -> list[Message]:
    """Only what opened it, a list of what was done, and the last turn, cut."""
    opening, turns = split(messages)
    last = [_cut(one) for turn in turns[-1:] for one in turn.messages]
    return [*(_cut(one) for one in _one_digest(opening)), *_digest(turns[:-1]), *last]


def _one_digest(opening: list[Message]) -> list[Message]:
    """Of what former compactions told, the last is kept: else they pile up."""
    first = prompt("compacted").partition("{")[0]
    digests = [one for one in opening if one.content.startswith(first)]
    return [one for one in opening if one not in digests[:-1]]


def _cut(message: Message) -> Message:
    text = message.content
    if len(text) <= LAST_CHARS_MAX or message.spoken:
        return message
    half = LAST_CHARS_MAX // 2
    short = f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"
    return message.model_copy(update={"content": short, "images": ()})


def _digest(turns: Sequence[Turn]) -> list[Message]:
    if not turns:
        return []
    lines = [line for turn in turns for line in _told(turn)]
    left = len(lines) - TOLD_CALLS_MAX
    shown = ([f"[{left} earlier ones]"] if left > 0 else []) + lines[-TOLD_CALLS_MAX:]
    text = prompt("compacted").format(turns=len(turns), lines="\n".join(shown))
    spoken = [one for one in _flat(turns) if one.spoken]
    return [Message(role="user", content=text), *spoken]


def _told(turn: Turn) -> list[str]:
    first, *rest = turn.messages
    answers = {one.answers: one.content for one in rest if one.answers}
    lines = [
        f"- {call.name} {_short(call.arguments)} -> {_short(answers.get(call.id, ''))}"
        for call in first.calls
    ]
    # Calls in the text have no id: their results stand as words of the user.
    lines += [f"- {_short(one.content)}" for one in rest if not one.answers and not one.spoken]
    return lines or [f"- said: {_short(first.content)}"]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TOLD_CHARS_MAX else line[: TOLD_CHARS_MAX - 1] + "…"


def split(messages: Sequence[Message]) -> tuple[list[Message], list[Turn]]:
    """What stands before the first reply, and the turns after it."""
    replies = [at for at, one in enumerate(messages) if one.role == "assistant"]
    opening = list(messages[: replies[0]] if replies else messages)
    bounds = pairwise([*replies, len(messages)])
    turns = [Turn(tuple(messages[at:end])) for at, end in bounds]
    return opening, turns


def _flat(turns: Sequence[Turn]) -> list[Message]:
    return [one for turn in turns for one in turn.messages]


STAGES: tuple[Callable[[list[Message]], list[Message]], ...] = (
    _without_old_results,
    _digested,
    _reset,
)
