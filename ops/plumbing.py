"""How git is called: fixed environment, fixed configuration, a limit on every call.

No hook, filter, pager, editor or user's configuration ever runs, and no replace ref is followed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

from git.cmd import Git
from git.exc import GitCommandError, GitCommandNotFound

from ops.errors import Failed, Refused
from ops.faults import around

CALL_SECONDS = 120.0
OBJECTS = ("commit-tree", "hash-object", "merge-tree", "mktag", "mktree", "unpack-objects")
REFS = ("fetch", "notes", "pack-refs", "update-index", "update-ref")
WRITES = frozenset(OBJECTS + REFS)
IDENTITY = "org <org@localhost>"
FIXED = (
    "core.hooksPath=/dev/null",
    "core.fsync=all",  # git's default leaves loose objects to the next power cut
    "core.protectNTFS=true",
    "core.protectHFS=true",
    "core.attributesFile=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.ext.allow=never",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "gpg.format=ssh",  # of what is signed because it was asked for by its call
)
ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_AUTHOR_NAME": "org",
    "GIT_AUTHOR_EMAIL": "org@localhost",
    "GIT_COMMITTER_NAME": "org",
    "GIT_COMMITTER_EMAIL": "org@localhost",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C.UTF-8",
}


class Plumbing:
    """Calls on one repository, named by its absolute git folder, never found by searching."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._git = Git(folder)

    def call(
        self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None
    ) -> bytes:
        """Standard output, exactly. `extra` are environment variables. Raises Failed."""
        code, out, err = self.attempt(*arguments, stdin=stdin, extra=extra)
        if code != 0:
            raise Failed(f"git {arguments[0]} failed: {last_line(err)}", f"look at {self.folder}")
        return out

    def attempt(
        self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, bytes]:
        """Exit code, output and complaints. Raises Failed when git is missing or too slow."""
        settings = [part for value in FIXED for part in ("-c", value)]
        argv = ["git", f"--git-dir={self.folder}", *settings, *arguments]
        environment = {**ENVIRONMENT, "GIT_CEILING_DIRECTORIES": "/", **(extra or {})}
        effect = around(f"git.{arguments[0]}") if arguments[0] in WRITES else nullcontext()
        with effect, tempfile.TemporaryFile() as source:
            source.write(stdin)
            source.seek(0)
            try:
                code, out, err = self._git.execute(
                    argv,
                    istream=source,
                    with_extended_output=True,
                    with_exceptions=False,
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                    kill_after_timeout=CALL_SECONDS,
                    env=environment,
                )
            except GitCommandNotFound as error:
                raise Refused("git is not installed", "apt-get install git") from error
            except GitCommandError as error:
                raise Failed(f"git {arguments[0]} failed: {error.stderr}", "try again") from error
        return code, bytes(out), err.encode() if isinstance(err, str) else bytes(err)

    def line(
        self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None
    ) -> str:
        return self.call(*arguments, stdin=stdin, extra=extra).decode("utf-8", "replace").strip()


def last_line(complaint: bytes) -> str:
    lines = complaint.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
