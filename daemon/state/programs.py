"""Which supervisor's program is good, which is on trial, which failed: three small files."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from daemon.core.keeping import Do, Program
from ops.files import write_atomic
from ops.layout import Layout


class Code(BaseModel):
    """One program: the root of its tree and its interpreter."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    root: Path
    python: Path
    tries: int = 0
    reason: str = ""

    @classmethod
    def read(cls, path: Path) -> Self | None:
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None


class Programs:
    """Every change is one rename, so a power cut leaves the old decision or the new one."""

    def __init__(self, layout: Layout) -> None:
        self._good = layout.state / "program.json"
        self._trial = layout.state / "program-on-trial.json"
        self._failed = layout.state / "program-failed.json"

    def good(self) -> Code:
        return Code.model_validate_json(self._good.read_bytes())

    def trial(self) -> Code | None:
        return Code.read(self._trial)

    def failed(self) -> Code | None:
        """The last one that did not hold."""
        return Code.read(self._failed)

    def begin(self, code: Code) -> None:
        _write(self._good, code)

    def offer(self, code: Code) -> None:
        """To be tried at the next start."""
        _write(self._trial, code)

    def choose(self) -> tuple[Program, Code]:
        """What to start now; a start on trial is counted before it happens."""
        trial = self.trial()
        if trial is None:
            return Program.GOOD, self.good()
        trial = trial.model_copy(update={"tries": trial.tries + 1})
        _write(self._trial, trial)
        return Program.TRIAL, trial

    def settle(self, do: Do, reason: str = "") -> None:
        """Make a decision of the keeper's table last."""
        trial = self.trial()
        if trial is None:
            return
        if do is Do.KEEP:
            _write(self._good, trial.model_copy(update={"tries": 0}))
        elif do is Do.FALL_BACK:
            _write(self._failed, trial.model_copy(update={"reason": reason}))
        elif do is Do.END:
            _write(self._trial, trial.model_copy(update={"tries": 0}))
            return
        else:
            return
        self._trial.unlink(missing_ok=True)


def _write(path: Path, code: Code) -> None:
    write_atomic(path, code.model_dump_json().encode())
