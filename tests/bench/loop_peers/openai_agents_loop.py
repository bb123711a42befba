"""openai-agents, streaming, with one tool; tracing is off, as it would ask the network."""

from __future__ import annotations

import asyncio
import time

from clock import BEGAN, asked, report

# isort: split

from agents import (
    Agent,
    AsyncOpenAI,
    OpenAIChatCompletionsModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)

IMPORTED = time.perf_counter() - BEGAN
base, calls, loops, _ = asked()
set_tracing_disabled(True)


@function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


client = AsyncOpenAI(base_url=f"{base}/v1", api_key="none")
agent = Agent(
    name="a", tools=[add], model=OpenAIChatCompletionsModel(model="m", openai_client=client)
)


async def stream() -> None:
    run = Runner.run_streamed(agent, "add up", max_turns=100)
    async for _ in run.stream_events():
        pass
    assert str(run.final_output).endswith("over.")


runner = asyncio.Runner()
report(lambda _: runner.run(stream()), calls, loops, IMPORTED)
