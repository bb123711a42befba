"""InternLM and Intern-S1: `<|action_start|><|plugin|>{…}<|action_end|>`."""

from daemon.agent.extraction.boxed import boxed

GRAMMAR = boxed(
    "internlm",
    ("<|action_start|><|plugin|>", "<|action_start|> <|plugin|>"),
    ("<|action_end|>",),
    ("intern",),
)
