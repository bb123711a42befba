"""Hermes, Qwen 2.5 and 3, Granite 4, Ernie, Reka, xLAM: `<tool_call>{"name": …}</tool_call>`."""

from daemon.agent.extraction.boxed import boxed

GRAMMAR = boxed(
    "hermes",
    ("<tool_call>", "<|tool_call_start|>"),
    ("</tool_call>", "<|tool_call_end|>", "<tool_call>/", "<|im_end|>"),
    ("hermes", "qwen", "granite-4", "ernie", "reka", "mimo", "smollm", "exaone"),
)
