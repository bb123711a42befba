"""Make a function a tool, for good."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from daemon.agent.skills.reading import Unfit
from daemon.agent.skills.shelf import promote
from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace


class PromoteSkill(Arguments):
    code: str = Field(
        min_length=1, description="Python: one function with types and a docstring, and imports"
    )


def promoting(folder: Path) -> Tool:
    """The tool that keeps skills in `folder`."""

    def promote_skill(arguments: PromoteSkill, workspace: Workspace) -> Result:
        try:
            skill = promote(arguments.code, folder, workspace)
        except Unfit as unfit:
            return Result(f"error: {unfit}", ok=False)
        return Result(f"{skill.name} is a tool now: {skill.purpose}")

    purpose = "Turn a Python function into a tool that stays."
    return Tool("promote_skill", purpose, Risk.WRITES, PromoteSkill, promote_skill)
