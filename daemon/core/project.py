"""How far the work on one goal is: its state, its tasks, and the notebook that authors share."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

NOTES_KEPT_MAX = 200
TASKS_MAX = 50
TEXT_CHARS_MAX = 400
TOLD_CHARS_MAX = 3_000
TOLD_NOTES_MAX = 12
TOLD_BLOCKED_MAX = 5


class State(StrEnum):
    PLANNING = "planning"
    EXECUTING = "executing"
    REVIEWING = "reviewing"
    COMPLETE = "complete"
    BLOCKED = "blocked"


# A person may take up again what is complete or blocked.
NEXT: dict[State, frozenset[State]] = {
    State.PLANNING: frozenset({State.EXECUTING, State.BLOCKED, State.COMPLETE}),
    State.EXECUTING: frozenset({State.REVIEWING, State.PLANNING, State.BLOCKED, State.COMPLETE}),
    State.REVIEWING: frozenset({State.COMPLETE, State.PLANNING, State.BLOCKED}),
    State.COMPLETE: frozenset({State.PLANNING}),
    State.BLOCKED: frozenset({State.PLANNING, State.COMPLETE}),
}


class IllegalState(ValueError):
    """A project cannot go there from where it is; a bug, never a fault of the world."""


class Piece(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Task(Piece):
    text: str
    done: bool = False


class Note(Piece):
    """`who` is a candidate's id, or `org`."""

    at: float
    who: str
    text: str


class Idea(Piece):
    """An approach that did not do: what it looked like, and why not."""

    candidate: str
    approach: str
    reason: str
    tree: str = ""  # of the changed files, normalised
    tokens: tuple[str, ...] = ()  # of the changed lines


class Project(Piece):
    """Everything that is remembered about one goal."""

    goal: str
    state: State = State.PLANNING
    reason: str | None = None
    tries: int = 0
    tokens: int = 0
    tasks: tuple[Task, ...] = ()
    notes: tuple[Note, ...] = ()
    blocked: tuple[Idea, ...] = ()

    def to(self, state: State, reason: str | None = None) -> Project:
        if state is self.state:
            return self.model_copy(update={"reason": reason})
        if state not in NEXT[self.state]:
            raise IllegalState(f"a project that is {self.state} cannot become {state}")
        return self.model_copy(update={"state": state, "reason": reason})

    def noted(self, at: float, who: str, text: str) -> Project:
        note = Note(at=at, who=who, text=_short(text))
        return self.model_copy(update={"notes": (*self.notes, note)[-NOTES_KEPT_MAX:]})

    def with_task(self, text: str, done: bool) -> Project:
        """A task once more is the same task; done stays done."""
        text = _short(text)
        known = {task.text: task.done for task in self.tasks}
        known[text] = known.get(text, False) or done
        tasks = tuple(Task(text=name, done=is_done) for name, is_done in known.items())
        return self.model_copy(update={"tasks": tasks[:TASKS_MAX]})

    def heard(self, at: float, who: str, said: str) -> Project:
        """What an author wrote into the notebook: lines that begin with NOTE, TASK or DONE."""
        project = self
        for line in said.splitlines():
            mark, colon, text = line.strip().lstrip("-* ").partition(":")
            if not colon or not text.strip():
                continue
            if mark == "NOTE":
                project = project.noted(at, who, text)
            elif mark in ("TASK", "DONE"):
                project = project.with_task(text, mark == "DONE")
        return project

    def told(self) -> str:
        """The notebook as the next author reads it; empty before the first try."""
        if not (self.notes or self.blocked or self.tasks):
            return ""
        lines = ["What was learned so far (add to it with lines that begin with NOTE: or TASK:):"]
        lines += [
            f"- do not do this again: {idea.approach} - {idea.reason}"
            for idea in self.blocked[-TOLD_BLOCKED_MAX:]
        ]
        lines += [f"- {note.text}" for note in self.notes[-TOLD_NOTES_MAX:]]
        lines += [f"- task{' (done)' if task.done else ''}: {task.text}" for task in self.tasks]
        return "\n".join(lines)[:TOLD_CHARS_MAX]

    def told_briefly(self) -> str:
        """For an author that has one answer to give, a file: what helps with that, and no more."""
        lines = [note.text for note in self.notes[-TOLD_NOTES_MAX:]]
        lines += [f"Task: {task.text}" for task in self.tasks if not task.done]
        judged = [idea.reason for idea in self.blocked if idea.tree]
        lines += [f"A former answer did not do: {judged[-1]}"] if judged else []
        return "\n".join(lines)[:TOLD_CHARS_MAX]


def _short(text: str) -> str:
    return " ".join(text.split())[:TEXT_CHARS_MAX]
