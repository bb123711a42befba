"""The tmux session of an instance: one window each, following what happens."""

from __future__ import annotations

import os
import sys

from ops import tmux
from ops.errors import Exit, Refused
from ops.layout import Layout
from ops.lifecycle import boot

WINDOWS = ("supervisor", "current", "candidate", "agents", "gates")
SESSION = "org"


def session(layout: Layout) -> str:
    """The session, made or mended; gives its name."""
    if not layout.instance.exists():
        raise Refused(f"no instance at {layout.home}", "make one with: orgctl init", Exit.ABSENT)
    home = ("--home", str(layout.home))
    windows = {name: boot("ops.orgctl", *home, "logs", "--follow", name) for name in WINDOWS}
    return tmux.ensure(SESSION, layout.home, windows)


def attach(layout: Layout, as_json: bool) -> None:
    """Attach on a terminal; elsewhere say how."""
    name = session(layout)
    argv = tmux.attach_argv(name)
    if sys.stdout.isatty() and not as_json:
        os.execvp(argv[0], argv)
    if as_json:
        import json

        print(json.dumps({"session": name, "attach": argv}))
    else:
        print(f"session {name} is ready; attach with: tmux attach -t {name}")


def detach(layout: Layout) -> bool:
    """End the session; says whether there was one."""
    return tmux.kill(SESSION, layout.home)
