"""What is remembered about each goal, kept beside the goal and beyond its end."""

from __future__ import annotations

from daemon.core.project import Project
from daemon.state.journal import Journal

FACT = "project:"


def find(journal: Journal, goal: str) -> Project:
    """A goal nobody worked on yet has a project that is in planning."""
    text = journal.fact(FACT + goal)
    return Project.model_validate_json(text) if text else Project(goal=goal)


def save(journal: Journal, project: Project) -> None:
    journal.set_fact(FACT + project.goal, project.model_dump_json())
