"""pydantic-ai, streaming, with one tool."""

from __future__ import annotations

import asyncio
import time

from clock import BEGAN, asked, report

# isort: split

from pydantic_ai import Agent, UsageLimits
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

IMPORTED = time.perf_counter() - BEGAN
base, calls, loops, _ = asked()
model = OpenAIChatModel("m", provider=OpenAIProvider(base_url=f"{base}/v1", api_key="none"))
agent = Agent(model)


@agent.tool_plain
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def stream() -> None:
    limits = UsageLimits(request_limit=100)
    async with agent.run_stream("add up", usage_limits=limits) as run:
        assert (await run.get_output()).endswith("over.")


runner = asyncio.Runner()
report(lambda _: runner.run(stream()), calls, loops, IMPORTED)
