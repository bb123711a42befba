"""How verbs end badly: Refused (you asked what may not be), Failed (the world said no)."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every program of org."""

    DONE = 0
    JUDGED_NO = 1
    MISUSE = 2
    BUSY = 3
    ABSENT = 4
    DOWN = 5


class Trouble(Exception):
    """One sentence for a person, the next step to take, and the exit code that tells a script."""

    def __init__(self, message: str, hint: str, code: Exit) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code

    def as_json(self) -> dict[str, object]:
        return {"error": self.message, "hint": self.hint, "code": int(self.code)}


class Refused(Trouble):
    """You asked what may not be; nothing was changed."""

    def __init__(self, message: str, hint: str = "", code: Exit = Exit.MISUSE) -> None:
        super().__init__(message, hint, code)


class Failed(Trouble):
    """The world said no: what was done, to what, and the cause are in the message."""

    def __init__(self, message: str, hint: str = "", code: Exit = Exit.JUDGED_NO) -> None:
        super().__init__(message, hint, code)
