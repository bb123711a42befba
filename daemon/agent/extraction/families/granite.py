"""Granite 3, Granite 20B FC, Phi-4 mini: `<|tool_call|>[…]`, `<function_call> {…}`."""

from daemon.agent.extraction.boxed import boxed

GRAMMAR = boxed(
    "granite",
    ("<|tool_call|>", "<function_call>", "<|function_call|>"),
    ("<|/tool_call|>", "</|tool_call|>", "</function_call>", "<|/function_call|>"),
    ("granite", "phi", "gigachat3.1"),
)
