"""What is judged: one commit on one base, its trees on disk, and how it is reached when served."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field

from fitness.acceptance import Acceptance
from fitness.beside import Ask, alone
from fitness.hidden import without_answers
from fitness.verdict import Unjudged
from ops.cell import DEFAULT, SYSTEM_MOUNTS, Cell, Limits, Mount, Outcome, python_mounts, run
from ops.errors import Trouble
from ops.files import remove_tree
from ops.history import History
from ops.records import Change

ANSWER_SECONDS = 10.0
ANSWER_BYTES_MAX = 16 * 2**20
WALLS_FAILED = re.compile(rb"bwrap: (?!execvp )")  # it says why it made no cell


class Wish(BaseModel):
    """The goal, as far as the judge needs it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str
    acceptance: Acceptance | None = None


class GateCommand(BaseModel):
    """A gate of another repo: a command in the candidate's tree; exit 0 passes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")  # names its evidence file
    command: tuple[str, ...]
    limit_seconds: float = 300.0


class Job(BaseModel):
    """What the supervisor asks of a jury."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    kind: str
    commit: str
    base: str
    candidate_dir: Path
    base_dir: Path
    repo: Path
    python: Path
    home: Path
    evidence: Path
    backend: str
    goal: Wish | None = None
    gates: tuple[GateCommand, ...] = ()
    protected: tuple[str, ...] = ()  # of another repo: taken from its base, whatever was changed
    health: str = "/healthz"
    only: str | None = None
    serve: bool = True
    recent: Path | None = None  # what was asked of current lately


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; `json` is None when the body is none."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None


@dataclass
class Subject:
    """The job, with hands: history, cells, HTTP. `url` is None until it is served."""

    job: Job
    url: str | None = None
    unserved: str | None = None  # why it could not be served
    excused: bool = False  # whether that was none of its doing
    need: Ask = alone  # asks the supervisor
    history: History = field(init=False)
    results: dict[str, str] = field(default_factory=dict)  # test id -> outcome, in this judgement

    def __post_init__(self) -> None:
        self.history = History(self.job.repo)

    @property
    def commit(self) -> str:
        return self.job.commit

    @property
    def baselines(self) -> Path:
        """What is known of main and kept from one candidate to the next."""
        folder = self.job.evidence.parent / "baselines"
        folder.mkdir(exist_ok=True)
        return folder

    def changes(self) -> tuple[Change, ...]:
        return self.history.changes(self.job.base, self.job.commit)

    def ask(self, method: str, path: str, **extra: Any) -> Reply:
        """One request to the candidate, bounded in bytes and time. Raises httpx.HTTPError."""
        deadline = time.monotonic() + ANSWER_SECONDS
        body = bytearray()
        with (
            httpx.Client(timeout=ANSWER_SECONDS, trust_env=False, verify=False) as client,
            client.stream(method, f"{self.url}{path}", **_plain(extra)) as answer,
        ):
            for piece in answer.iter_raw():  # as sent: nothing is unpacked on our side
                body += piece
                if len(body) > ANSWER_BYTES_MAX:
                    raise httpx.ReadError(f"the answer is longer than {ANSWER_BYTES_MAX} bytes")
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout(f"the answer took longer than {ANSWER_SECONDS:g} s")
        return Reply(answer.status_code, body.decode("utf-8", "replace"), dict(answer.headers))

    def get(self, path: str) -> Reply:
        return self.ask("GET", path)

    def cell(
        self, argv: tuple[str, ...], mounts: tuple[Mount, ...], seconds: float, **extra: Any
    ) -> Outcome:
        """A command in a cell of its own with the trusted interpreter; nothing is left of it.

        Raises Unjudged when the cell cannot be made.
        """
        cell = Cell(
            argv=argv,
            mounts=(
                *SYSTEM_MOUNTS,
                *python_mounts(self.job.python),
                *without_answers(mounts, self.job.home / "run/empty"),
            ),
            limits=Limits(**(vars(DEFAULT) | {"wall_seconds": seconds})),
            backend=self.job.backend,
            **extra,
        )
        try:
            done = run(cell)
        except (Trouble, OSError) as error:
            raise Unjudged(f"its cell could not be made: {error}") from error
        if done.exit == 1 and WALLS_FAILED.match(done.stderr):
            words = done.stderr.decode("utf-8", "replace")
            raise Unjudged(f"its cell could not be made: {words}")
        return done

    def copy(self, folder: Path) -> None:
        """The candidate's tree, to be written to; what is protected in it is as main has it."""
        shutil.copytree(self.job.candidate_dir, folder, symlinks=True)
        for path in self.job.protected:
            ours, theirs = self.job.base_dir / path, folder / path
            if theirs.is_dir():
                remove_tree(theirs)
            theirs.unlink(missing_ok=True)
            if ours.is_dir():
                shutil.copytree(ours, theirs, symlinks=True)
            elif ours.exists():
                theirs.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ours, theirs)

    def scratch(self, name: str) -> Path:
        """An empty folder for one gate, below its evidence; what a killed jury left is removed."""
        folder = self.job.evidence / f"{name}.scratch"
        remove_tree(folder)
        folder.mkdir(parents=True)
        return folder


def _plain(extra: dict[str, Any]) -> dict[str, Any]:
    """The request's parts, asking for an answer that is not packed."""
    return extra | {"headers": {"accept-encoding": "identity", **extra.get("headers", {})}}
