"""LangGraph with a SQLite checkpoint for each step, streaming, with one tool."""

from __future__ import annotations

import time
from pathlib import Path

from clock import BEGAN, asked, report

# isort: split

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.prebuilt import create_react_agent

IMPORTED = time.perf_counter() - BEGAN
base, calls, loops, folder = asked()


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


model = ChatOpenAI(model="m", base_url=f"{base}/v1", api_key="none", streaming=True)


def loop(number: int) -> None:
    path = Path(folder) / f"langgraph-{number}.db"
    path.unlink(missing_ok=True)
    with SqliteSaver.from_conn_string(str(path)) as saver:
        agent = create_react_agent(model, [add], checkpointer=saver)
        config = {"configurable": {"thread_id": "1"}, "recursion_limit": 200}
        steps = list(agent.stream({"messages": [("user", "add up")]}, config))
        assert "over." in str(steps[-1])


report(loop, calls, loops, IMPORTED)
