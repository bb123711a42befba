"""orgctl's line to a running supervisor: one request, events while it runs, one answer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from ops.errors import Exit, Failed, Refused
from ops.layout import Layout
from ops.sockets import connect_unix, read_lines, send_line

CONNECT_SECONDS = 3.0
Event = dict[str, Any]


def running(layout: Layout) -> bool:
    with contextlib.suppress(Refused):
        connect_unix(layout.control, CONNECT_SECONDS).close()
        return True
    return False


def ask(
    layout: Layout, verb: str, hear: Callable[[Event], None] | None = None, **arguments: object
) -> dict[str, Any]:
    """The answer to `verb`. Raises Refused or Failed as the daemon did, or when it is not there."""
    if not layout.control.parent.is_dir():
        raise Refused(f"no instance at {layout.home}", "make one with: orgctl init", Exit.DOWN)
    with connect_unix(layout.control, CONNECT_SECONDS) as line:
        line.settimeout(None)
        send_line(line, {"verb": verb, "args": arguments})
        return _answer(read_lines(line), hear)


def _answer(messages: Iterator[Event], hear: Callable[[Event], None] | None) -> dict[str, Any]:
    for message in messages:
        if "event" in message:
            if hear is not None:
                hear(message["event"])
        elif "ok" in message:
            return dict(message["ok"])
        else:
            text, hint = str(message.get("error")), str(message.get("hint") or "")
            raise Refused(text, hint, Exit(int(message.get("code", Exit.JUDGED_NO))))
    raise Failed("the daemon went away before it answered", "see: orgctl logs", Exit.DOWN)
