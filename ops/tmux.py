"""The session in which people watch: its windows follow logs, and own nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops.errors import Failed, Refused

OWNER = "@org-home"
NAMES_MAX = 20
# A log may hold bytes meant for a terminal; none of them may reach beyond its pane.
OPTIONS = {"remain-on-exit": "on", "allow-rename": "off"}
SESSION_OPTIONS = {"status-right": " %H:%M"}  # all windows' names fit in 80 columns
SERVER_OPTIONS = {"set-clipboard": "off"}


def ensure(session: str, home: Path, windows: Mapping[str, Sequence[str]]) -> str:
    """The home's session with all its windows, made or mended; gives its name."""
    import libtmux

    if shutil.which("tmux") is None:
        raise Refused("tmux is not installed", "apt-get install tmux")
    server = libtmux.Server()
    name = _name(server, session, home)
    made = not server.has_session(name)
    try:
        if made:
            first, argv = next(iter(windows.items()))
            server.new_session(name, window_name=first, window_command=_line(argv), x=160, y=48)
            for option, value in (SESSION_OPTIONS | {OWNER: str(home)}).items():
                server.cmd("set-option", "-t", f"={name}:", option, value)
            for option, value in SERVER_OPTIONS.items():
                server.cmd("set-option", "-s", option, value)
        there = set(server.cmd("list-windows", "-t", f"={name}", "-F", "#W").stdout)
        for window, argv in windows.items():
            if window not in there:
                target = ("-d", "-t", f"={name}:", "-n", window)
                server.cmd("new-window", *target, _line(argv))
        for window in windows:
            for option, value in OPTIONS.items():
                server.cmd("set-option", "-w", "-t", f"={name}:{window}", option, value)
        server.cmd("select-window", "-t", f"={name}:{next(iter(windows))}") if made else None
    except libtmux.exc.LibTmuxException as error:
        raise Failed(f"tmux did not make the session: {error}", "try: tmux kill-server") from error
    return name


def split(session: str, window: str, panes: Sequence[Sequence[str]]) -> None:
    """A window of its own with one pane each, side by side; it takes the place of an older one."""
    import libtmux

    server = libtmux.Server()
    target = f"={session}:{window}"
    try:
        server.cmd("kill-window", "-t", target)
        server.cmd("new-window", "-t", f"={session}:", "-n", window, _line(panes[0]))
        for option, value in OPTIONS.items():
            server.cmd("set-option", "-w", "-t", target, option, value)
        for argv in panes[1:]:
            server.cmd("split-window", "-t", target, _line(argv))
            server.cmd("select-layout", "-t", target, "tiled")
    except libtmux.exc.LibTmuxException as error:
        raise Failed(f"tmux did not split: {error}", "try: tmux kill-server") from error


def _line(argv: Sequence[str]) -> str:
    import shlex

    return "exec " + shlex.join(argv)


def _name(server: object, session: str, home: Path) -> str:
    """The session's name: the one that is ours, else the first that is free."""
    for number in range(1, NAMES_MAX):
        name = session if number == 1 else f"{session}-{number}"
        owner = owner_of(server, name)
        if owner in (None, str(home)):
            return name
    raise Refused(f"{NAMES_MAX} sessions named {session} exist", "end some: tmux kill-session")


def owner_of(server: object, name: str) -> str | None:
    """The home that a session belongs to; None when there is no such session, `` for foreign."""
    import libtmux

    assert isinstance(server, libtmux.Server)
    if not server.has_session(name):
        return None
    shown = server.cmd("show-options", "-v", "-q", "-t", f"={name}:", OWNER).stdout
    return shown[0] if shown else ""


def kill(session: str, home: Path) -> bool:
    """End the home's session; says whether there was one."""
    import libtmux

    if shutil.which("tmux") is None:
        return False
    server = libtmux.Server()
    for number in range(1, NAMES_MAX):
        name = session if number == 1 else f"{session}-{number}"
        if owner_of(server, name) == str(home):
            server.cmd("kill-session", "-t", f"={name}")
            return True
    return False


def attach_argv(name: str) -> list[str]:
    """Inside another tmux the client switches; elsewhere it attaches."""
    verb = "switch-client" if os.environ.get("TMUX") else "attach-session"
    return ["tmux", verb, "-t", f"={name}"]
