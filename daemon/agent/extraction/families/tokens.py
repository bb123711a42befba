"""Tokens that frame a turn: no text, and never to be shown."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.families.reasoning import FINAL, PAIRS
from daemon.agent.extraction.grammar import BARS, GAP, HERE, SPACES, Grammar, Start
from daemon.agent.extraction.jsoncalls import Found
from daemon.agent.extraction.source import Source, Wait

TOKENS = (
    "<|im_start|>assistant",
    "<|im_end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|eom|>",
    "<|eot|>",
    "<|end|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<|return|>",
    "<|begin|>assistant",
    "<|content|>",
    "<|message_sep|>",
    "<|end_message|>",
    "<|START_RESPONSE|>",
    "<|END_RESPONSE|>",
    "<|START_TEXT|>",
    "<|END_TEXT|>",
    "<|CHATBOT_TOKEN|>",
    "<|START_OF_TURN_TOKEN|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|END_THINKING|>",
    "<|inner_suffix|>",
    "<|assistant_end|>",
    "<|open|>response<|sep|>",
    "<|close|>response<|sep|>",
    "<|close|>message<|sep|>",
    "<channel|>",
    "<end_of_turn>",
    "<turn|>",
    "</s>",
    "<｜end▁of▁sentence｜>",
    FINAL,
)
PREFIXES = ("", "minimax:", "seed:", "antml:", "ifm|", "｜DSML｜", "｜DSML｜ ", "｜GCML｜")
WRAPPERS = ("tool_calls", "tool_call", "function_calls", "function", "calls", "tools")
OUTPUTS = ("outputs", "output")


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    return Found(silent=True)
    yield


def read_think_end(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    """The template began the reasoning; a tag amid a sentence is only spoken of."""
    start = source.block
    after = yield from source.peek()
    spoken = after == " " and start > 0 and source.text[start - 1] == " "
    return None if spoken else Found(silent=True)


def read_close(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    """A closing tag right after other markup closes what was read with it."""
    return Found(silent=True) if source.right_after_markup() else None
    yield


STARTS: tuple[Start, ...] = (
    *((one,) for one in TOKENS),
    *(
        ("<", BARS, "tool", GAP, word, GAP, end, BARS, ">")
        for word in OUTPUTS
        for end in ("begin", "end")
    ),
)
GRAMMAR = Grammar("tokens", STARTS, read)
THINK_END = Grammar(
    "think_end",
    tuple((end,) for end in PAIRS.values() if end.startswith("</")),
    read_think_end,
)
AROUND = Grammar(
    "around",
    (("<tool_calls>", SPACES, HERE, "<tool_call>"), ("<tools>", SPACES, HERE, "<tool_")),
    read,
)
CLOSES = Grammar(
    "closes",
    (
        ("<|tool_calls_section_end|>",),
        ("<｜tool▁calls▁end｜>",),
        ("<|tool_call_end|>",),
        ("[/TOOL_CALLS]",),
        *((f"</{prefix}{wrapper}>",) for prefix in PREFIXES for wrapper in WRAPPERS),
    ),
    read_close,
)
