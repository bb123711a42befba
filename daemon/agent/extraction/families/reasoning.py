"""Reasoning, set apart: `<think>…</think>` and the other families' ways of the same."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import Grammar
from daemon.agent.extraction.jsoncalls import Found
from daemon.agent.extraction.source import Source, Wait

PAIRS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "<seed:think>": "</seed:think>",
    "<mm:think>": "</mm:think>",
    "<ifm|think>": "</ifm|think>",
    "<ifm|think_fast>": "</ifm|think_fast>",
    "<ifm|think_faster>": "</ifm|think_faster>",
    "<|think:start|>": "<|think:end|>",
    "<think:opensource>": "</think:opensource>",
    "<longcat_think>": "</longcat_think>",
    "[THINK]": "[/THINK]",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|inner_prefix|>": "<|inner_suffix|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|think|>": "<|end|>",
    "◁think▷": "◁/think▷",
    "<|channel>": "<channel|>",
    "<|open|>think<|sep|>": "<|close|>think<|sep|>",
}
FINAL = "[BEGIN FINAL RESPONSE]"
THINK_ENDS = (*PAIRS.values(), FINAL)
# A section of calls ends the reasoning of a model that forgot to; it is read as calls.
THINK_STAYS = ("<|tool_calls_section_begin|>", "<|tools_prefix|>")


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    """A tag in the middle of a line is spoken of; a token cannot be."""
    if opening.startswith("<") and "|" not in opening and not source.on_a_line_of_its_own():
        return None
    return Found(thinks=(PAIRS[opening],))
    yield


GRAMMAR = Grammar("reasoning", tuple((opening,) for opening in PAIRS), read)
