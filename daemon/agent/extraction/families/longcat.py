"""LongCat: `<longcat_tool_call>{…}</longcat_tool_call>`."""

from daemon.agent.extraction.boxed import boxed

GRAMMAR = boxed("longcat", ("<longcat_tool_call>",), ("</longcat_tool_call>",), ("longcat",))
