"""Namespaces: named lists of tools; who works in one is offered these and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ops.errors import Exit, Failed, Refused
from ops.files import write_atomic
from ops.layout import Layout
from ops.lease import hold

NAME = re.compile(r"[a-z0-9][\w-]{0,47}")
TOOL = re.compile(r"[\w*?-]{1,64}")  # a name, or a pattern of names
TOOLS_MAX = 200
WAIT_SECONDS = 5.0
Namespaces = dict[str, list[str]]


def read(layout: Layout) -> Namespaces:
    """Raises Refused without an instance, Failed when the file was spoilt."""
    if not layout.state.is_dir():
        raise Refused(f"no instance at {layout.home}", "make one with: orgctl init", Exit.DOWN)
    path = _file(layout)
    try:
        found = json.loads(path.read_bytes())
        return {str(name): [str(one) for one in tools] for name, tools in found.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, TypeError) as error:
        raise Failed(f"{path} cannot be read: {error}", "restore a backup of it") from error


def _file(layout: Layout) -> Path:
    return layout.state / "namespaces.json"


def tools_of(layout: Layout, name: str) -> list[str]:
    """The tools of a namespace. Raises Refused when there is none of that name."""
    found = read(layout)
    if name not in found:
        there = ", ".join(found) or "none; make one with: orgctl namespace create"
        raise Refused(f"no namespace {name}", f"there is: {there}", Exit.ABSENT)
    return found[name]


@contextmanager
def _changing(layout: Layout) -> Iterator[Namespaces]:
    """What is changed inside is kept when it ends well."""
    found = read(layout)
    with hold(layout.run / "namespaces.lease", "changing namespaces", WAIT_SECONDS):
        found = read(layout)
        yield found
        write_atomic(_file(layout), json.dumps(found, indent=1).encode(), 0o600)


def create(layout: Layout, name: str, tools: Sequence[str]) -> None:
    if not NAME.fullmatch(name):
        raise Refused(f"{name!r} cannot name a namespace", "use small letters, digits, - and _")
    with _changing(layout) as found:
        if name in found:
            raise Refused(f"there is a namespace {name}", "change it: orgctl namespace update")
        found[name] = _checked(tools)


def update(layout: Layout, name: str, tools: Sequence[str]) -> None:
    tools_of(layout, name)
    with _changing(layout) as found:
        found[name] = _checked(tools)


def delete(layout: Layout, name: str) -> None:
    tools_of(layout, name)
    with _changing(layout) as found:
        found.pop(name, None)


def _checked(tools: Sequence[str]) -> list[str]:
    for tool in tools:
        if not TOOL.fullmatch(tool):
            raise Refused(f"{tool!r} names no tool", "for example: --allow read_file --allow sh")
    return list(dict.fromkeys(tools))[:TOOLS_MAX]
