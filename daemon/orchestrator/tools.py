"""The tool host: tools of this release, run by the supervisor in cells, for those who may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from daemon.orchestrator.bodies import Wrong, read_json
from daemon.orchestrator.facts import Facts
from ops.leaving import unless_left

KEY = "Idempotency-Key"
SECONDS_DEFAULT, SECONDS_MAX = 30.0, 300.0
# What fetches and builds takes longer than a command otherwise may.
PACKAGERS = frozenset({"apt", "apt-get", "pip", "pip3", "uv", "npm", "cargo", "conda", "poetry"})
ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class ToolHost:
    facts: Facts

    async def list(self, _: Request, __: dict[str, Any]) -> Response:
        return JSONResponse({"tools": schemas()})

    async def execute(self, request: Request, asked: dict[str, Any]) -> Response:
        """Runs once for each idempotency key; a client that leaves ends its tool."""
        body = await read_json(request)
        secret = request.scope["caller"].secret
        return JSONResponse(await self.run(secret, body, asked.get(KEY), request))

    async def run(
        self, secret: str | None, body: dict[str, Any], key: str | None, request: Request
    ) -> dict[str, Any]:
        """`{"ok", "text"}`. Raises Wrong."""
        tool, arguments = body.get("tool"), body.get("arguments") or {}
        if not isinstance(tool, str):
            raise Wrong("tool is missing", "missing_required_parameter", param="tool")
        if not isinstance(arguments, dict):
            raise Wrong("arguments must be an object", "invalid_type", param="arguments")
        if not any(one["function"]["name"] == tool for one in schemas()):
            raise Wrong(f"there is no tool {tool[:40]!r}", "not_found", 404, "tool")
        seconds = body.get("seconds") or seconds_for(tool, arguments)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise Wrong("seconds must be a number", "invalid_type", param="seconds")
        workspace = body.get("workspace") or "default"
        call = {"tool": tool, "arguments": arguments, "workspace": workspace, "key": key}
        call["seconds"] = min(float(seconds), SECONDS_MAX)
        asking = self.facts.ask("tool", call, secret, SECONDS_MAX + ANSWER_SECONDS)
        found: dict[str, Any] = await unless_left(request, asking)
        return found


def seconds_for(tool: str, arguments: dict[str, Any]) -> float:
    """What it says itself, more for package managers, else the default."""
    said = arguments.get("timeout_s")
    if isinstance(said, int) and not isinstance(said, bool) and 0 < said <= SECONDS_MAX:
        return float(said) + 1.0
    words = str(arguments.get("command", "")).split()
    slow = tool == "run_tests" or any(word.rsplit("/", 1)[-1] in PACKAGERS for word in words)
    return SECONDS_MAX if slow else SECONDS_DEFAULT


def schemas() -> list[dict[str, Any]]:
    """In OpenAI's shape."""
    from daemon.orchestrator.toolhost import offered

    return [tool.schema() for tool in offered()]
