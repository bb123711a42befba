"""orgctl's line to a running supervisor: one request, events while it runs, one answer."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from ops.errors import Exit, Failed, Refused
from ops.layout import Layout
from ops.lease import holder
from ops.sockets import connect_unix, read_lines, send_line

CONNECT_SECONDS = 3.0
RENEW_SECONDS = 15.0
POLL_SECONDS = 0.05
ANSWER_SECONDS = 60.0
# These take as long as what they do; whoever waits sees events, and may leave.
LONG = frozenset({"evolve", "fitness", "promote", "approve", "rollback", "verify", "gc", "replay"})
Event = dict[str, Any]


def running(layout: Layout) -> bool:
    with contextlib.suppress(Refused):
        _connected(layout).close()
        return True
    return False


def ask(
    layout: Layout, verb: str, hear: Callable[[Event], None] | None = None, **arguments: object
) -> dict[str, Any]:
    """The answer to `verb`. Raises Refused or Failed as the daemon did, or when it is not there."""
    with _connected(layout) as line:
        line.settimeout(None if verb in LONG else ANSWER_SECONDS)
        try:
            send_line(line, {"verb": verb, "args": arguments})
            return _answer(read_lines(line), hear)
        except TimeoutError as error:
            text = f"the daemon did not answer {verb} within {ANSWER_SECONDS:g} s"
            raise Failed(text, "see: orgctl logs supervisor", Exit.DOWN) from error
        except OSError as error:
            raise _gone() from error


def _connected(layout: Layout) -> socket.socket:
    if not layout.control.parent.is_dir():
        raise Refused(f"no instance at {layout.home}", "make one with: orgctl init", Exit.DOWN)
    deadline = time.monotonic() + RENEW_SECONDS
    while True:
        try:
            return connect_unix(layout.control, CONNECT_SECONDS)
        except Refused as nobody:
            # With a keeper there, the supervisor is starting, or is being replaced.
            if holder(layout.daemon_lease) is None or time.monotonic() > deadline:
                text = f"org is not running at {layout.home}"
                raise Refused(text, nobody.hint, Exit.DOWN) from nobody
            select.select([], [], [], POLL_SECONDS)


def _answer(messages: Iterator[Event], hear: Callable[[Event], None] | None) -> dict[str, Any]:
    for message in messages:
        if "event" in message:
            if hear is not None:
                hear(message["event"])
        elif "ok" in message:
            return dict(message["ok"])
        else:
            text, hint = str(message.get("error")), str(message.get("hint") or "")
            raise Refused(text, hint, _code(message.get("code")))
    raise _gone()


def _gone() -> Failed:
    return Failed("the daemon went away before it answered", "see: orgctl logs", Exit.DOWN)


def _code(said: object) -> Exit:
    """A newer daemon may know codes that we do not."""
    try:
        return Exit(int(str(said)))
    except ValueError:
        return Exit.JUDGED_NO
