"""All verdicts on one commit, as judged against one base by one suite."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict


class Score(BaseModel):
    """One gate's row; `evidence` is a path relative to the instance's evidence folder, or null."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    stage: str
    passed: bool
    seconds: float
    reason: str
    evidence: str | None = None


class Scorecard(BaseModel):
    """`passed` is stored, and must equal the conjunction of all gates over the whole suite."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    commit: str
    base: str
    suite: str  # sha256 over the gates' sources, so a verdict names its judge
    expected: tuple[str, ...]  # names of every gate of the suite; a missing one is a rejection
    passed: bool
    gates: tuple[Score, ...]

    def complete(self) -> bool:
        """Every expected gate spoke exactly once and all of them passed."""
        return sorted(self.expected) == sorted(gate.name for gate in self.gates) and all(
            gate.passed for gate in self.gates
        )

    def refusal(self) -> str:
        """The first gate that said no, in its own words."""
        for gate in self.gates:
            if not gate.passed:
                return f"{gate.name}: {gate.reason}"
        missing = sorted(set(self.expected) - {gate.name for gate in self.gates})
        return f"no verdict from {', '.join(missing)}"

    def digest(self) -> str:
        return hashlib.sha256(self.canonical().encode()).hexdigest()

    def canonical(self) -> str:
        """The exact text that is noted in git and hashed into the tag's Org-Verdict."""
        return self.model_dump_json(indent=1) + "\n"
