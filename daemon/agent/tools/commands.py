"""Commands of an agent: no input, a session of their own, ended whole, output cut in the middle."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress

from daemon.agent.tools.tool import Result
from daemon.agent.workspace import Outside, Workspace
from ops.cell import DEFAULT, Cell, Limits
from ops.cell import run as run_cell
from ops.masking import own_mask

SECONDS_DEFAULT = 30
SECONDS_SLOW = 300  # for what fetches and builds
SECONDS_MAX = 300
SHOWN_CHARS_MAX = 8_000
KEPT_OUTPUTS_MAX = 1_000
ARGUMENT_BYTES_MAX = 128 * 2**10 - 1  # the kernel's own, without the closing zero
# fmt: off
SLOW = frozenset((
    "apk", "apt", "apt-get", "brew", "bun", "bundle", "cargo", "cmake", "composer", "conda", "dnf",
    "gem", "go", "gradle", "hatch", "make", "mamba", "mvn", "ninja", "npm", "npx", "pdm", "pip",
    "pip3", "pnpm", "poetry", "uv", "yarn", "yum",
))
# fmt: on
# What differs from run to run says nothing, and would keep a recording from fitting.
VARYING = (
    (re.compile(r" in \d+(?:\.\d+)?s(?: \(\d+:\d\d:\d\d\))?"), ""),
    (re.compile(r"0x[0-9a-f]{6,16}"), "0x…"),
    (re.compile(r"/tmp/[\w./+-]+"), "/tmp/…"),
)


def run(argv: tuple[str, ...], seconds: float, workspace: Workspace) -> tuple[int | None, str]:
    """Exit code (None when a limit or a signal ended it) and what it said, ready for a model.

    We are inside the author's own cell here, so the walls stand already; what is
    needed of the machinery is its limits and its clean end. Raises Outside for what the
    kernel would not take.
    """
    for one in argv:
        if len(one.encode("utf-8", "replace")) > ARGUMENT_BYTES_MAX or "\0" in one:
            why = f"more than {ARGUMENT_BYTES_MAX} bytes, or a zero byte, cannot be run at once"
            raise Outside(f"{why}; write it into a file, and run that")
    limits = Limits(**(vars(DEFAULT) | {"wall_seconds": seconds}))
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "PYTHONHASHSEED": "0"}
    done = run_cell(
        Cell(
            argv=argv,
            directory=str(workspace.root),
            environment=environment,
            limits=limits,
            backend="none",
        )
    )
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    if done.limit is not None:
        what = f"{seconds:g} seconds" if done.limit == "wall" else "output"
        said = f"{said.rstrip()}\n[stopped at its limit of {what}]"
    elif done.signal is not None:
        name = signal.strsignal(done.signal)
        said = f"{said.rstrip()}\n[ended by signal {done.signal}: {name}]"
    return done.exit, cut(steady(own_mask()(said.strip()), workspace), workspace)


def seconds_for(programs: list[str], wanted: int | None) -> int:
    """As long as was asked for; else by what is run."""
    if wanted is not None:
        return wanted
    return SECONDS_SLOW if SLOW & set(programs) else SECONDS_DEFAULT


def steady(text: str, workspace: Workspace) -> str:
    """The text without durations, addresses and temporary paths."""
    text = text.replace(f"{workspace.root}/", "")
    for pattern, instead in VARYING:
        text = pattern.sub(instead, text)
    return text


def cut(text: str, workspace: Workspace) -> str:
    """The beginning and the end, how much was left out between them, and where all of it is."""
    if len(text) <= SHOWN_CHARS_MAX:
        return text
    half = SHOWN_CHARS_MAX // 2
    left_out = len(text) - 2 * half
    kept = _kept(text, workspace)
    where = f"; all of it is kept as {kept}" if kept else ""
    return f"{text[:half]}\n[{left_out} characters left out{where}]\n{text[-half:]}"


def _kept(text: str, workspace: Workspace) -> str | None:
    """The name of the file that holds the whole text, as evidence."""
    if workspace.kept is None:
        return None
    folder = workspace.kept / "outputs"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(len(list(folder.iterdir())) + 1, KEPT_OUTPUTS_MAX + 1):
        name = f"output-{number}.txt"
        with suppress(FileExistsError):  # another member of the room was faster
            with (folder / name).open("x", encoding="utf-8", errors="replace") as out:
                out.write(text)
            return name
    return None


def result(code: int | None, said: str) -> Result:
    """What was said, and the exit code; what ended by a limit or a signal says so already."""
    ended = "" if code is None else f"\n[exit {code}]"
    return Result(f"{said}{ended}".strip(), ok=code == 0)
