"""One call of one skill, as a process of its own inside the cell of who calls it."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

FRAMES_MAX = 3


def tool(*given: Any, **_: Any) -> Any:
    """Marks a function; whoever reads the source has taken what it says."""
    if given and callable(given[0]):
        return given[0]
    return lambda function: function


def loaded(path: Path) -> dict[str, Any]:
    """The names of the skill's module; `tool` is there, and `from org import tool` too."""
    org = ModuleType("org")
    org.tool = tool  # type: ignore[attr-defined]
    sys.modules["org"] = org
    names: dict[str, Any] = {"__name__": "skill", "__file__": str(path), "tool": tool}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    return names


def _called(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    result = function(**arguments)
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(result: Any) -> Any:
    return await result


def _told(result: Any) -> str:
    if isinstance(result, str):
        return result
    try:
        return json.dumps(result, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(result)


def main(argv: list[str]) -> int:
    """`PATH FUNCTION ARGUMENTS`; without arguments the skill is only loaded."""
    path, function = Path(argv[0]), argv[1]

    def told(kind: type[BaseException], broken: BaseException, trace: Any) -> None:
        """The skill's own lines, not those that called it."""
        own = [one for one in traceback.extract_tb(trace) if one.filename == str(path)]
        where = "".join(f"\n  line {one.lineno}: {one.line}" for one in own[-FRAMES_MAX:])
        print(f"{kind.__name__}: {broken}{where}", file=sys.stderr)

    sys.excepthook = told
    called = loaded(path)[function]
    if len(argv) > 2:
        result = _called(called, json.loads(argv[2]))
        if result is not None:
            print(_told(result))
    return 0
