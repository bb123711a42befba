"""Environments by the hash of their lock: made once, shared by every release with the same lock."""

from __future__ import annotations

import compileall
import fcntl
import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

from ops.errors import Exit, Failed, Refused
from ops.files import remove_tree, write_atomic
from ops.run import run

# All that a lock may say: exact packages with their hashes. An address, a path or an option
# would have us fetch and build, which runs code of whoever wrote it, outside of any cell.
LOCKED = re.compile(
    rb"(?:[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[A-Za-z0-9,._-]+\])?==[A-Za-z0-9.+!_-]+"
    rb"(?: *;[ a-z0-9_.<>=!'\"()]+)?|    --hash=sha256:[0-9a-f]{64})(?: \\)?|[ ]*#.*|"
)
LINE_SHOWN_CHARS = 80
READY = ".ready"  # written last; an environment without it is made anew
SYSTEM_STORE = Path("/opt/org/venvs")  # what ops/install.sh made, root's own and read by all
MAKE_SECONDS = 600.0
KEY_CHARS = 16
# Packages' own tests and workshops, a third of all their lines, are not worth compiling.
NEVER_IMPORTED = re.compile(r"/tests/|/onnxruntime/(?:transformers|quantization|tools)/")


def key_of(lock: bytes, base_python: Path) -> str:
    """The folder's name: same lock and same interpreter, same environment."""
    version = ".".join(map(str, sys.version_info[:3]))
    return hashlib.sha256(lock + f"\0{base_python}\0{version}".encode()).hexdigest()[:KEY_CHARS]


def ensure(venvs: Path, lock: bytes, base_python: Path) -> Path:
    """The interpreter of the environment for `lock`. Raises Failed when it cannot be made."""
    key = key_of(lock, base_python)
    for store in (venvs, SYSTEM_STORE):
        if (store / key / READY).exists() and (store / key / "bin/python").exists():
            return store / key / "bin/python"
    folder = venvs / key
    python = folder / "bin/python"
    with (venvs / f".{folder.name}.lock").open("w") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX)  # the second to come finds it made
        if not ((folder / READY).exists() and python.exists()):
            remove_tree(folder)
            _make(folder, lock, base_python)
    return python


def check(lock: bytes) -> None:
    """Raises Refused, with the first line that is no pinned package."""
    for line in lock.split(b"\n"):
        if not LOCKED.fullmatch(line.rstrip(b"\r")):
            shown = ascii(line.decode("utf-8", "replace"))[:LINE_SHOWN_CHARS]
            raise Refused(
                f"the lock holds {shown}, which is no package pinned by its hash",
                "make it with: uv pip compile --generate-hashes",
                Exit.JUDGED_NO,
            )


def _uv() -> str:
    """The uv of the running environment, else the machine's."""
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise Failed("uv is not installed", "run: ops/run.sh")
    return found


def _make(folder: Path, lock: bytes, base_python: Path) -> None:
    check(lock)
    uv = _uv()
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    made = run(
        [uv, "venv", "--quiet", "--no-config", "--python", str(base_python), str(folder)],
        seconds=MAKE_SECONDS,
        environment=environment,
    )
    if made.code != 0:
        raise Failed(f"no environment could be made: {made.last_line}", "see: orgctl doctor")
    requirements = folder / "requirements.lock"
    write_atomic(requirements, lock)
    # Wheels only: what must be built would run its own code to do so.
    sync = [uv, "pip", "sync", "--quiet", "--require-hashes", "--no-build", "--no-config"]
    sync += ["--system-certs"]  # the machine's own authorities: a registry may be a company's
    sync += ["--python", str(folder / "bin/python"), str(requirements)]
    # The cache first: most of the time everything is in it, and then no registry is asked.
    done = run([*sync, "--offline"], seconds=MAKE_SECONDS, environment=environment)
    if done.code != 0:
        done = run(sync, seconds=MAKE_SECONDS, environment=environment)
    if done.code != 0:
        raise Failed(
            f"the packages of the lock could not be installed: {done.last_line}",
            "check that a package registry answers, or fill uv's cache first",
        )
    compileall.compile_dir(folder / "lib", quiet=2, workers=0, rx=NEVER_IMPORTED)
    write_atomic(folder / READY, b"")
