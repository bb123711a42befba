"""mini-swe-agent with its local environment, each step a shell command; it does not stream."""

from __future__ import annotations

import os
import time

from clock import BEGAN, asked, report

# isort: split

os.environ["MSWEA_SILENT_STARTUP"] = "1"
os.environ["MSWEA_COST_TRACKING"] = "ignore_errors"
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

from minisweagent.agents.default import DefaultAgent
from minisweagent.environments.local import LocalEnvironment
from minisweagent.models.litellm_model import LitellmModel

IMPORTED = time.perf_counter() - BEGAN
base, calls, loops, _ = asked()


def loop(_: int) -> None:
    model = LitellmModel(
        model_name="openai/m",
        model_kwargs={"api_base": f"{base}/v1", "api_key": "none"},
        cost_tracking="ignore_errors",
    )
    agent = DefaultAgent(
        model,
        LocalEnvironment(),
        system_template="You act.",
        instance_template="{{task}}",
        step_limit=100,
        cost_limit=0,
    )
    agent.run("add up")
    assert agent.n_calls == calls + 1, agent.n_calls


report(loop, calls, loops, IMPORTED)
