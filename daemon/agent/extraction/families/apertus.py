"""Apertus: `<|tools_prefix|>[{"NAME": {ARGUMENTS}}]<|tools_suffix|>`."""

from daemon.agent.extraction.boxed import boxed

GRAMMAR = boxed("apertus", ("<|tools_prefix|>",), ("<|tools_suffix|>",), ("apertus",))
