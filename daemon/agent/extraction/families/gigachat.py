"""GigaChat and HyperCLOVA: a role's name in words, then the call as JSON."""

from daemon.agent.extraction.boxed import boxed

GRAMMAR = boxed(
    "gigachat",
    ("function call<|role_sep|>", "function call", "-> tool/function_call"),
    ("<|message_sep|>", "<|im_end|>", "</s>"),
    ("gigachat", "hyperclova"),
)
