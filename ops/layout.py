"""Where an instance keeps its things, below one home directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

SYSTEM_HOME = Path("/var/lib/org")
HOME_VARIABLE = "ORG_HOME"


@dataclass(frozen=True)
class Layout:
    """The paths of one instance; nothing here touches the disk."""

    home: Path

    @property
    def repo(self) -> Path:
        return self.home / "repo.git"

    @property
    def releases(self) -> Path:
        return self.home / "releases"

    @property
    def venvs(self) -> Path:
        return self.home / "venvs"

    @property
    def candidates(self) -> Path:
        return self.home / "candidates"

    @property
    def evidence(self) -> Path:
        return self.home / "evidence"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def settings(self) -> Path:
        return self.home / "org.toml"

    @property
    def journal(self) -> Path:
        return self.state / "journal.db"

    @property
    def instance(self) -> Path:
        """The instance's birth record (JSON): schema, kind of repo, program root."""
        return self.state / "instance.json"

    @property
    def control(self) -> Path:
        return self.run / "control.sock"

    @property
    def lease(self) -> Path:
        return self.run / "operation.lease"

    @property
    def daemon_lease(self) -> Path:
        return self.run / "daemon.lease"

    def rooms(self) -> tuple[Path, ...]:
        return (
            self.releases,
            self.venvs,
            self.candidates,
            self.evidence,
            self.state,
            self.run,
            self.logs,
        )


def find_home(named: Path | None = None) -> Path:
    """The instance's home: the flag, else ORG_HOME, else the machine's (root) or the user's own."""
    if named is not None:
        return named.absolute()
    if variable := os.environ.get(HOME_VARIABLE):
        return Path(variable).absolute()
    if os.geteuid() == 0:
        return SYSTEM_HOME
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state).absolute() / "org"
