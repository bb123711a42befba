"""Command R: `<|START_ACTION|>[…]<|END_ACTION|>`, and before it `Action:` with fenced JSON."""

from daemon.agent.extraction.boxed import boxed

GRAMMAR = boxed(
    "cohere",
    ("<|START_ACTION|>", "Action:\n```json", "Action: ```json", "Action:```json"),
    ("<|END_ACTION|>", "```"),
    ("command", "c4ai", "cohere", "aya"),
)
