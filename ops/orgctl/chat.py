"""The verb of rooms: chat, on a terminal or for a script."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.errors import Exit, Refused
from ops.orgctl.common import ASKED, app, say

PERSONA_BYTES_MAX = 64 * 2**10
EXAMPLE = '[agents.alice] has model = "…", persona = "…"'
KINDS: dict[type, tuple[str, str]] = {
    str: ("text", "text in quotes"),
    list: ("list", 'a list: tools = ["read_*", "sh"]'),
    dict: ("table", f"a table: {EXAMPLE}"),
}
PYTHON = "python:"  # before a model: one that computes, and sums up


@app.command()
def chat(
    agent: Annotated[
        list[str] | None,
        typer.Option(help="name=model, or a model alone; name=python:model computes."),
    ] = None,
    persona: Annotated[list[str] | None, typer.Option(help="name=text or name=@file.")] = None,
    mode: Annotated[str | None, typer.Option(help="group, direct:NAME or file:PATH")] = None,
    room: Annotated[str | None, typer.Option(help="A room's name; resumes it.")] = None,
    file: Annotated[Path | None, typer.Option(help="A room's file (TOML).")] = None,
    dir: Annotated[Path | None, typer.Option(help="Where agents work; else their own.")] = None,
    tool: Annotated[list[str] | None, typer.Option(help="Offer only these tools.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Offer only its tools.")] = None,
    text: Annotated[list[str] | None, typer.Option("--say", help="Say this; no terminal.")] = None,
    show_tools: Annotated[bool, typer.Option("--show-tools", help="Show tools' output.")] = False,
) -> None:
    """Talk with agents, each with a persona and a model of its own."""
    from ops import chatting, namespaces, rooms, talk

    if tool and namespace:
        raise Refused("--tool and --namespace both say which tools are offered", "say one of them")
    folder = rooms.RoomFolder.named(ASKED.layout, room or rooms.fresh_name())
    furnished, entries = folder.read()
    said = _from_file(file) if file else {}
    seats = seats_of(said, agent or [], persona or []) or (furnished or {}).get("seats")
    seats = seats or seats_of({}, ["assistant="], [])
    named = namespaces.tools_of(ASKED.layout, namespace) if namespace else None
    tools = _first(tool or None, named, said.get("tools"), (furnished or {}).get("tools"))
    kept = {"seats": seats, "tools": tools, "mode": mode or said.get("mode") or "group"}
    folder.make()
    wish = talk.Wish(folder, talk.chosen_workspace(folder, dir), {**kept, "entries": entries})
    with talk.talk(ASKED.layout, wish) as talking:
        if furnished is None or any(furnished.get(key) != kept[key] for key in ("seats", "tools")):
            folder.add(kept)
        _converse(chatting.Chat(talking, show_tools, len(entries)), text)


def _first(*lists: list[str] | None) -> list[str] | None:
    """The first that was said: one without any tool offers none."""
    return next((one for one in lists if one is not None), None)


def _converse(chat: Any, texts: list[str] | None) -> None:
    if texts is None and sys.stdin.isatty() and not ASKED.as_json:
        chat.on_terminal()
        return
    lines = texts if texts is not None else [line.strip() for line in sys.stdin]
    found = chat.scripted([line for line in lines if line], quiet=ASKED.as_json)
    say(found)
    raise typer.Exit(Exit.DONE if found["ok"] else Exit.JUDGED_NO)


def seats_of(said: dict[str, Any], agents: list[str], personas: list[str]) -> list[dict[str, str]]:
    """Who sits in the room: those of the file, then those of the flags, which win."""
    models, texts = dict(said.get("models", {})), dict(said.get("personas", {}))
    for word in agents:
        name, model = _agent(word, models)
        models[name] = model
    for name, text in (_pair("--persona", word) for word in personas):
        if name not in models:
            raise Refused(f"--persona {name} is nobody's", f"say --agent {name}=MODEL too")
        texts[name] = _persona(text)
    return [_seat(name, model, texts.get(name, "")) for name, model in models.items()]


def _seat(name: str, model: str, persona: str) -> dict[str, str]:
    if not (name.isascii() and name.isidentifier() and name[0].isalpha() and len(name) <= 32):
        raise Refused(f"{name!r} cannot be called", "use letters, digits and _")
    if name.lower() in ("all", "you"):
        raise Refused(f"nobody can be called {name}", "it means somebody else")
    kind = "python" if model.startswith(PYTHON) else "agent"
    return {
        "name": name,
        "model": model.removeprefix(PYTHON),
        "persona": persona,
        "kind": kind,
    }


def _agent(word: str, taken: Collection[str]) -> tuple[str, str]:
    """`name=model`; a model alone is given a name of its own."""
    from ops import names

    return _pair("--agent", word) if "=" in word else (names.fresh(taken), word)


def _pair(flag: str, word: str) -> tuple[str, str]:
    name, sign, value = word.partition("=")
    if not sign or not name:
        raise Refused(f"{flag} {word} has no name", f"write it as: {flag} name=value")
    return name, value


def _persona(text: str) -> str:
    return _read(Path(text[1:])) if text.startswith("@") else text


def _read(path: Path) -> str:
    from ops.files import read_bounded

    try:
        return read_bounded(path, PERSONA_BYTES_MAX).decode("utf-8")
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}", "name a text file", Exit.ABSENT) from error
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is no text", "name a text file") from error


def _from_file(path: Path) -> dict[str, Any]:
    """`mode`, `tools` and a table for each of `[agents]`, with `model` and `persona`."""
    import tomllib

    try:
        found = tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"{path}: {error}", EXAMPLE) from error
    agents = _of_kind(path, found.get("agents", {}), dict, "agents")
    for name, one in agents.items():
        _of_kind(path, one, dict, f"agents.{name}")
        for key in ("model", "persona"):
            _of_kind(path, one.get(key, ""), str, f"agents.{name}.{key}")
    tools = found.get("tools")
    for tool in _of_kind(path, [] if tools is None else tools, list, "tools"):
        _of_kind(path, tool, str, "each of the tools")
    return {
        "models": {name: one.get("model", "") for name, one in agents.items()},
        "personas": {name: _said(path, one) for name, one in agents.items()},
        "mode": _of_kind(path, found.get("mode", ""), str, "mode") or None,
        "tools": tools,
    }


def _of_kind(path: Path, value: Any, kind: type, name: str) -> Any:
    """The value when it is one. Raises Refused, with how it is written."""
    if not isinstance(value, kind):
        said, example = KINDS[kind]
        raise Refused(f"{path}: {name} is no {said}", f"write it as {example}")
    return value


def _said(path: Path, agent: dict[str, Any]) -> str:
    """A persona in the file, or `@name` of one beside it."""
    text: str = agent.get("persona", "")
    return _read(path.parent / text[1:]) if text.startswith("@") else text
