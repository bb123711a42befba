"""One thing that org needs, looked at: whether it is there, and what to do when not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Check:
    """`needed` False: told, but no failure."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True

    def view(self) -> dict[str, Any]:
        shown = {"name": self.name, "ok": self.ok, "detail": self.detail}
        return shown | {"remedy": "" if self.ok else self.remedy, "needed": self.needed}
