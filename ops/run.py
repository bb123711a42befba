"""The one door to commands that are waited for: bounded, with nothing on standard input."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.errors import Failed


@dataclass(frozen=True)
class Result:
    code: int
    stdout: bytes
    stderr: bytes

    @property
    def last_line(self) -> str:
        """The last thing it complained of, for an error message."""
        lines = (self.stderr or self.stdout).decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"it ended with {self.code}"


def run(
    argv: Sequence[str],
    *,
    seconds: float,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Result:
    """Run to the end. Raises Failed when it is missing or not done within `seconds`."""
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            capture_output=True,
            timeout=seconds,
            env=dict(environment) if environment is not None else None,
            cwd=directory,
            check=False,
        )
    except FileNotFoundError as error:
        raise Failed(f"{argv[0]} is not installed", f"install {argv[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{argv[0]} was not done within {seconds:g} s", "try again") from error
    return Result(done.returncode, done.stdout, done.stderr)
