"""Names for workers who were given none: human, and each one's own."""

from __future__ import annotations

from collections.abc import Collection

HUMAN = (
    "ada alan alma anton barbara boris carla cem clara david dora edgar elena emil emmy esra"
    " felix frida galina george grace greta hanna hugo ida igor ines jakob jana jonas julia karim"
    " katja klaus lara leo lina luca maria max mila miro nadia nils nora olga oscar paula peter"
    " ravi rosa ruth samir sonja stefan tamar theo ursula vera viktor wanda yuri zoe"
)


def fresh(taken: Collection[str]) -> str:
    """The first name that nobody has; numbered when all are taken."""
    names = HUMAN.split()
    used = {name.lower() for name in taken}
    every = (f"{name}{round_ or ''}" for round_ in range(len(used) + 1) for name in names)
    return next(name for name in every if name not in used)
