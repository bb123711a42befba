"""Cells for their tests, one kind at a time."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ops.cell import DEFAULT, SYSTEM_MOUNTS, Cell, Limits, Mount, Outcome, python_mounts, run, start
from ops.processes import Child

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(sys.executable)
MOUNTS = (*SYSTEM_MOUNTS, *python_mounts(PYTHON))
END_SECONDS = 2.0
READY_SECONDS = 10.0
MIB = 2**20


def limits(**changed: float | None) -> Limits:
    return Limits(**(vars(DEFAULT) | changed))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Maker:
    """Makes cells of one kind; `slack_seconds` is what its engine takes around a command."""

    backend: str
    slack_seconds: float

    def shell(self, text: str, *mounts: Mount, **changed: float | None) -> Outcome:
        argv = ("sh", "-c", text)
        return run(
            Cell(argv, (*SYSTEM_MOUNTS, *mounts), limits=limits(**changed), backend=self.backend)
        )

    def python(self, code: str, *mounts: Mount, **changed: float | None) -> Outcome:
        return run(self.cell(code, *mounts, **changed))

    def cell(self, code: str, *mounts: Mount, **changed: float | None) -> Cell:
        argv = (str(PYTHON), "-I", "-c", code)
        return Cell(argv, (*MOUNTS, *mounts), limits=limits(**changed), backend=self.backend)

    def start(self, cell: Cell, output: int | None = None, **fds: int) -> Child:
        wanted = {int(name.removeprefix("fd")): ours for name, ours in fds.items()}
        return start(Cell(**(vars(cell) | {"fds": wanted})), output, None)


def until(holds: object) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)
