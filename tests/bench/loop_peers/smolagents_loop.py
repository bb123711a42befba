"""smolagents' tool-calling agent with one tool, streaming."""

from __future__ import annotations

import time

from clock import BEGAN, asked, report

# isort: split

from smolagents import LogLevel, OpenAIServerModel, Tool, ToolCallingAgent

IMPORTED = time.perf_counter() - BEGAN
base, calls, loops, _ = asked()


class Add(Tool):
    name = "add"
    description = "Add two numbers."
    inputs = {  # noqa: RUF012 - their way
        "a": {"type": "integer", "description": "one"},
        "b": {"type": "integer", "description": "other"},
    }
    output_type = "integer"

    def forward(self, a: int, b: int) -> int:
        return a + b


model = OpenAIServerModel("m", api_base=f"{base}/v1", api_key="none")


def loop(_: int) -> None:
    agent = ToolCallingAgent(
        tools=[Add()],
        model=model,
        max_steps=100,
        verbosity_level=LogLevel.OFF,
        stream_outputs=True,
    )
    assert "over" in str(agent.run("add up"))


report(loop, calls, loops, IMPORTED)
