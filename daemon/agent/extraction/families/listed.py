"""Hunyuan, Jamba, Apriel, Nemotron Nano, MiniMax M1: one tag around a list of calls."""

from daemon.agent.extraction.boxed import boxed

GRAMMAR = boxed(
    "listed",
    ("<tool_calls>", "<TOOLCALL>", "<TOOLCALLS>", "<|tool_calls|>", "<tool_calls_json>"),
    ("</tool_calls>", "</TOOLCALL>", "</TOOLCALLS>", "<|/tool_calls|>", "</tool_calls_json>"),
    ("hunyuan", "jamba", "apriel", "nemotron-nano", "minimax-m1"),
)
