"""What very small models write instead of calls: only for those who asked to guess.

Numbered lists and lines of commands become calls of the tool that runs commands; a lone
URL becomes a call of the tool that fetches one. Nothing is guessed without such a tool.
"""

from __future__ import annotations

import re

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.shapes import Call

CALLS_MAX = 8
CANDIDATES_MAX = 64
TEXT_CHARS_MAX = 200_000
LINE_CHARS_MAX = 2_000
COMMAND_KEYS = ("command", "cmd", "commands", "script")
URL_KEYS = ("url", "uri", "link")
SHELLS = frozenset({"bash", "sh", "shell", "console", "zsh", "terminal"})
MARKER = re.compile(r"\s*(?:\d{1,3}[.)]|[-*+•]|Step \d{1,3}:?)\s+|\s*")
PROMPT = re.compile(r"[$#>%]\s+")
QUOTED = re.compile(r"`([^`]+)`")
URL = re.compile(r"https?://[^\s<>\"'`)\]]+")
# fmt: off
COMMANDS = frozenset((
    "apt", "apt-get", "awk", "bash", "brew", "bun", "cargo", "cat", "cd", "chmod", "cmake",
    "cp", "curl", "cut", "date", "deno", "diff", "docker", "du", "echo", "env", "export",
    "find", "gcc", "git", "go", "grep", "head", "jq", "kill", "ln", "ls", "make", "mkdir",
    "mv", "node", "npm", "npx", "perl", "pip", "pip3", "pnpm", "ps", "pwd", "pytest",
    "python", "python3", "rm", "rmdir", "ruff", "sed", "sh", "sort", "tail", "tar", "tee",
    "touch", "tree", "uname", "uniq", "unzip", "uv", "wc", "wget", "which", "whoami", "yarn",
))
# fmt: on


class Reader:
    """Sees the content go by, and says at the end what could be meant."""

    def __init__(self, tools: Declared) -> None:
        self._command = _tool_with(tools, COMMAND_KEYS)
        self._url = _tool_with(tools, URL_KEYS)
        self._seen: list[str] = []
        self._room = TEXT_CHARS_MAX

    def see(self, text: str) -> None:
        self._seen.append(text[: self._room])
        self._room -= len(self._seen[-1])

    def calls(self) -> tuple[Call, ...]:
        found: list[Call] = []
        fence: str | None = None
        for line in "".join(self._seen).splitlines():
            if line.lstrip().startswith("```"):
                fence = line.strip()[3:].strip().lower() if fence is None else None
            elif fence is None or fence in SHELLS:
                found += self._calls_in(line[:LINE_CHARS_MAX], fenced=fence is not None)
            if len(found) >= CANDIDATES_MAX:
                break
        once = [one for at, one in enumerate(found) if one not in found[:at]]
        return tuple(once[:CALLS_MAX])

    def _calls_in(self, line: str, fenced: bool) -> list[Call]:
        command = line.strip() if fenced else _command_in(line)
        if command and self._command and not command.startswith("#"):
            name, key = self._command
            return [Call(name, {key: PROMPT.sub("", command, count=1)})]
        url = URL.search(line)
        if url and self._url:
            name, key = self._url
            return [Call(name, {key: url.group().rstrip(".,;:!?")})]
        return []


def _tool_with(tools: Declared, keys: tuple[str, ...]) -> tuple[str, str] | None:
    for key in keys:
        for name, parameters in tools.parameters.items():
            properties = parameters.get("properties")
            if isinstance(properties, dict) and key in properties:
                return name, key
    return None


def _command_in(line: str) -> str | None:
    """The command that a line is, or holds between backticks; prose is none."""
    marker = MARKER.match(line)
    rest = line[marker.end() if marker else 0 :].strip()
    prompted = PROMPT.match(rest)
    if prompted and rest[:1] in "$%":
        return rest[prompted.end() :]
    for inner in QUOTED.findall(rest):
        if _first_word(inner) in COMMANDS:
            return str(inner).strip()
    if _first_word(rest) in COMMANDS and not rest.endswith((".", "?", "!", ":")):
        return rest
    return None


def _first_word(text: str) -> str:
    return text.split(maxsplit=1)[0] if text.strip() else ""
