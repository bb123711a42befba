"""One subtask: a member at work in a copy of its own, and whether it is shown to be done."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from daemon.agent.providers import ModelFault
from daemon.agent.room.members import AgentModel, Providers, Seat
from daemon.agent.room.transcript import Entry
from daemon.agent.room.voice import Tell, Voice
from daemon.agent.team.joining import Changes, Files, Unworkable, changes, files_of, lay_out
from daemon.agent.team.plan import Outcome, Subtask
from daemon.agent.tools import commands
from daemon.agent.tools.tool import Tool
from daemon.agent.workspace import Workspace

CHECK_SECONDS = 120
TRIES_MAX = 2  # with what the check said
STEPS_MAX = 20
LEAD = "lead"
Toolbox = Callable[[str], tuple[Tool, ...]]


@dataclass(frozen=True)
class Done:
    """What came of a subtask."""

    outcome: Outcome
    text: str
    changed: Changes = field(default_factory=dict)
    tokens: int = 0


class Member(AgentModel):
    """A member as a worker: one brief, one answer."""

    rules = "team_member"


@dataclass
class Bench:
    """Where members work: what they are given is laid out anew for each."""

    providers: Providers
    toolbox: Toolbox
    tell: Tell
    # What of it they share: its rules, its way to the web, and the folder where what the tools
    # keep stands, apart for each start of a subtask.
    shared: Workspace | None = None

    def work(self, seat: Seat, subtask: Subtask, files: Files, told: Sequence[Entry]) -> Done:
        """In a thread of its own; `told` is what others said whose work this builds on.

        Whatever breaks in it has not ended the others' work.
        """
        try:
            return self._in_a_copy(seat, subtask, files, told)
        except (ModelFault, Unworkable) as fault:
            return Done(Outcome.FAILED, str(fault))
        except Exception as bug:  # noqa: BLE001 - the door of a subtask
            traceback.print_exc()
            return Done(Outcome.FAILED, f"it broke: {type(bug).__name__}: {bug}")

    def _in_a_copy(self, seat: Seat, subtask: Subtask, files: Files, told: Sequence[Entry]) -> Done:
        prefix = f"work-{subtask.id}-"
        with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
            root = Path(folder)
            workspace = self._apart(root, f"{subtask.id}-")
            lay_out(files, root)
            return self._worked(seat, subtask, workspace, files, told)

    def _apart(self, root: Path, prefix: str) -> Workspace:
        if self.shared is None:
            return Workspace(root)
        where = self.shared.kept
        kept = Path(tempfile.mkdtemp(prefix=prefix, dir=where)) if where else None
        return replace(self.shared, root=root, kept=kept)

    def _worked(
        self,
        seat: Seat,
        subtask: Subtask,
        workspace: Workspace,
        files: Files,
        told: Sequence[Entry],
    ) -> Done:
        worker = Member(seat, self.providers, workspace, lambda: self.toolbox(seat.name))
        worker.steps_max = STEPS_MAX
        said = [*told, Entry(who=LEAD, text=subtask.task)]
        tokens = 0
        for last in range(1, TRIES_MAX + 1):
            voice = Voice(seat.name, seat.model, self._tell(subtask.id))
            entry = worker.speak(said, [], voice)
            tokens += entry.tokens
            code, output = self._checked(subtask, workspace) if entry.kind == "said" else (1, "")
            if code == 0 or entry.kind != "said" or last == TRIES_MAX:
                break
            wrong = f"The check `{subtask.check}` fails:\n{output}\nMake it pass."
            said += [entry, Entry(who=LEAD, text=wrong)]
        good = entry.kind == "said" and code == 0
        text = entry.text if good or not output else f"{entry.text}\n[check] {output}"
        after = files_of(workspace.root)
        return Done(Outcome.DONE if good else Outcome.FAILED, text, changes(files, after), tokens)

    def _checked(self, subtask: Subtask, workspace: Workspace) -> tuple[int | None, str]:
        if not subtask.check:
            return 0, ""
        return commands.run(("/bin/sh", "-c", subtask.check), CHECK_SECONDS, workspace)

    def _tell(self, subtask: str) -> Tell:
        def tell(event: str, **data: object) -> None:
            if event in ("call", "result", "again"):  # many speak at once: words come at the end
                self.tell(event, subtask=subtask, **data)

        return tell
