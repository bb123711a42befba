"""What a tool is: a name, a risk, arguments with a schema, and a function that gives text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from daemon.agent.workspace import Outside, Workspace

# What costs a model's context and tells it nothing: a limit that was passed is told when it is.
UNTOLD = frozenset({"title", "minLength", "maxLength", "minItems", "maxItems", "minimum"})


class Risk(StrEnum):
    READS = "reads"
    WRITES = "writes"
    RUNS = "runs"
    ENDS = "ends"


class Arguments(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Result:
    """What the model is told; `ok` is whether the call did what it was for.

    `misfit`: it was no call at all, for want of such a tool or of arguments that fit.
    """

    text: str
    ok: bool = True
    misfit: bool = False


@dataclass(frozen=True)
class Tool:
    name: str
    purpose: str
    risk: Risk
    arguments: type[Arguments]
    run: Callable[[Any, Workspace], Result]

    def schema(self) -> dict[str, Any]:
        """In OpenAI's shape, without pydantic's titles."""
        parameters = _parameters(self.arguments)
        function = {"name": self.name, "description": self.purpose, "parameters": parameters}
        return {"type": "function", "function": function}

    def call(self, arguments: object, workspace: Workspace) -> Result:
        """Bad arguments and refused paths are results: the model can mend them."""
        try:
            return self.run(self.arguments.model_validate(arguments), workspace)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the arguments"
            return Result(f"error: {where}: {first['msg']}", ok=False, misfit=True)
        except Outside as refused:
            return Result(f"error: {refused}", ok=False)


@cache
def _parameters(arguments: type[Arguments]) -> Any:
    return _plain(arguments.model_json_schema())


def _plain(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _plain(value) for key, value in schema.items() if key not in UNTOLD}
    if isinstance(schema, list):
        return [_plain(value) for value in schema]
    return schema
