"""What a model is told of the tools: schemas within a budget, or a few lines for a small model."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from daemon.agent.prompts import prompt
from daemon.agent.tools.tool import Tool

TOKENS_MAX = 2_000
SMALL_TOKENS_MAX = 100
CHARS_PER_TOKEN = 3.4  # careful: models count fewer tokens in schemas
SMALL_CHARS_PER_TOKEN = 2.4  # of signatures, which are names and signs
NEEDED = ("done", "run_tests", "write_file", "read_file", "edit_file")  # the last to go
SMALL = re.compile(r"(?:^|[^0-9a-z.])(?:0?\.\d+|[1-3](?:\.\d+)?)b\b|\b\d{2,3}m\b", re.IGNORECASE)
Schema = dict[str, Any]


def is_small(model: str) -> bool:
    """By the size in its name: three billion parameters, or fewer."""
    return bool(SMALL.search(model.replace("_", "-")))


def tokens_in(text: str, chars_per_token: float = CHARS_PER_TOKEN) -> int:
    """Never fewer than a model would count."""
    return int(len(text) / chars_per_token) + 1


def declared(tools: Sequence[Tool], tokens_max: int = TOKENS_MAX) -> list[Schema]:
    """Schemas for the protocol's own place; descriptions go first, then the last of the tools."""
    schemas = [tool.schema() for tool in tools]
    if _cost(schemas) > tokens_max:
        schemas = [_bare(schema) for schema in schemas]
    while len(schemas) > 1 and _cost(schemas) > tokens_max:
        last = max(enumerate(schemas), key=lambda one: (_rank(one[1]["function"]["name"]), one[0]))
        schemas.remove(last[1])
    return schemas


def small_form(tools: Sequence[Tool], tokens_max: int = SMALL_TOKENS_MAX) -> str:
    """A few lines of text, with the tools that are needed most."""
    chosen = sorted(tools, key=lambda tool: _rank(tool.name))
    while True:
        listed = " ".join(_signature(tool) for tool in chosen)
        text = prompt("tools_small").replace("TOOLS", listed)
        if len(chosen) <= 1 or tokens_in(text, SMALL_CHARS_PER_TOKEN) <= tokens_max:
            return text
        chosen = chosen[:-1]


def _rank(name: str) -> int:
    return NEEDED.index(name) if name in NEEDED else len(NEEDED)


def _cost(schemas: Sequence[Schema]) -> int:
    return tokens_in(json.dumps(schemas))


def _bare(schema: Schema) -> Schema:
    """Without what describes arguments; their names say most of it."""
    function = schema["function"]
    parameters = _without(function["parameters"])
    return {"type": "function", "function": {**function, "parameters": parameters}}


def _without(value: Any, inside: str = "") -> Any:
    if isinstance(value, dict):
        kept = (
            value
            if inside == "properties"
            else {k: v for k, v in value.items() if k != "description"}
        )
        return {key: _without(one, key) for key, one in kept.items()}
    return [_without(one) for one in value] if isinstance(value, list) else value


def _signature(tool: Tool) -> str:
    """`name(needed)`: what may be left out is left out here too."""
    fields = tool.arguments.model_fields.items()
    return f"{tool.name}({', '.join(name for name, one in fields if one.is_required())})"
