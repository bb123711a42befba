"""What a cell sees of the machine: the system's programs, and what an interpreter needs to run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mount:
    """`source` of the machine appears as `target` in the cell."""

    source: Path
    target: Path
    writable: bool = False


SYSTEM_MOUNTS = tuple(
    Mount(Path(name), Path(name))
    for name in ("/usr", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ssl/certs")
)
SYSTEM_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")


def python_mounts(python: Path) -> tuple[Mount, ...]:
    """What an environment's interpreter needs to run: the environment and its base, read-only."""
    environment = python.parent.parent
    homes = [environment] if (environment / "pyvenv.cfg").exists() else []
    base = python.resolve().parent.parent
    if not base.is_relative_to("/usr"):
        homes += [base, *_other_names(python, base)]
    return tuple(Mount(home, home) for home in dict.fromkeys(homes))


def _other_names(python: Path, base: Path) -> list[Path]:
    """The base as the environment's links name it: a folder's name may be a link as well."""
    found, step = [], python
    while step.is_symlink():
        step = Path(os.path.normpath(step.parent.resolve() / step.readlink()))
        if step.parent.parent.resolve() == base:
            found.append(step.parent.parent)
    return found
