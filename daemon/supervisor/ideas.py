"""What the tries at a goal teach: told to the next author, and spared a second judgement.

A change that only alters layout, leaves the goal's allowed paths, or is the idea of a
former try once more is dropped here, before it costs a gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from daemon.core import release as releases
from daemon.core.aim import likely_file
from daemon.core.candidate import Candidate, Stage
from daemon.core.goal import Goal, Protocol, outside
from daemon.core.likeness import alike, change_tokens, tree_hash
from daemon.core.project import Idea, Project, State
from daemon.core.promotion import Promotion
from daemon.state import projects
from daemon.supervisor.world import World
from ops.goal_files import FOLDER

FILES_MAX = 200  # a change of more files is compared by its tree alone
BYTES_MAX = 2 * 2**20
IDEAS_KEPT_MAX = 50
TOKENS_KEPT_MAX = 4_000
ABSENT = "000000"
HIDDEN = frozenset({"goal", "behaviour", "replay"})


@dataclass(frozen=True)
class Print:
    """What a change looks like: its paths, its files' normalised hash, its tokens."""

    paths: tuple[str, ...]
    tree: str
    tokens: tuple[str, ...]
    same: bool  # nothing but layout differs from the base


def print_of(world: World, base: str, head: str) -> Print:
    changes = world.history.changes(base, head)
    paths = tuple(change.path for change in changes)
    if len(changes) > FILES_MAX:
        return Print(paths, world.history.tree(head), (), same=False)
    old = {one.path: _text(world, one.old, one.old_mode) for one in changes}
    new = {one.path: _text(world, one.new, one.new_mode) for one in changes}
    modes = all(ABSENT not in (one.old_mode, one.new_mode) for one in changes)
    kept = modes and all(one.old_mode == one.new_mode for one in changes)
    tokens = change_tokens(old, new)
    if len(tokens) > TOKENS_KEPT_MAX:  # the start of two may be alike, and the mend below it
        tokens = ()
    return Print(paths, tree_hash(new), tokens, same=kept and tree_hash(old) == tree_hash(new))


def _text(world: World, oid: str, mode: str) -> str | None:
    if mode == ABSENT:
        return None
    data = world.history.blobs([oid])[0]
    return data[:BYTES_MAX].decode("utf-8", "surrogateescape")


def began(world: World, candidate: Candidate, goal: Goal) -> None:
    """A try begins."""
    project = projects.find(world.journal, goal.id)
    project = project.to(State.PLANNING)  # from wherever a former try, or a power cut, left it
    projects.save(world.journal, project.to(State.EXECUTING, f"{candidate.branch} is at work"))


def told(world: World, goal: Goal, protocol: Protocol) -> str:
    """What the author is told of former tries."""
    project = projects.find(world.journal, goal.id)
    return project.told_briefly() if protocol is Protocol.REWRITE else project.told()


def reviewing(world: World, candidate: Candidate) -> None:
    if candidate.wish is not None:
        project = projects.find(world.journal, candidate.wish.id)
        if project.state is State.EXECUTING:
            text = f"{candidate.branch} is judged"
            projects.save(world.journal, project.to(State.REVIEWING, text))


def module_of(world: World, goal: Goal, base: str) -> str | None:
    """The one file to rewrite: the goal's own, else the one that the goal's words point to."""
    if goal.module is not None:
        return goal.module
    entries = [one for one in world.history.listing(base) if one.path.endswith(".py")]
    entries = [one for one in entries if not one.path.startswith(f"{FOLDER}/")]
    entries = [one for one in entries if one.size <= BYTES_MAX][:FILES_MAX]
    blobs = world.history.blobs([one.oid for one in entries]) if entries else []
    texts = (blob.decode("utf-8", "replace") for blob in blobs)
    paths = [entry.path for entry in entries]
    return likely_file(goal.text, dict(zip(paths, texts, strict=True)))


def former(world: World, goal: Goal, base: str) -> str | None:
    """Who gave the newest answer, when only a hidden check refused it, and the file is the same."""
    judged = [one for one in projects.find(world.journal, goal.id).blocked if one.tree]
    old = world.journal.candidate(judged[-1].candidate) if judged else None
    if old is None or old.head is None or hidden_gate(old.reason or "", goal) is None:
        return None
    if world.history.find(old.ref) is None or (module := module_of(world, goal, base)) is None:
        return None
    was, now, text = (world.history.read(one, module) for one in (old.base, base, old.head))
    return None if text is None or text == now or was != now else old.id


def answer(world: World, name: str | None, module: str | None) -> str | None:
    """What that candidate made of the file; None when nobody is named, or it is cleared away."""
    old = world.journal.candidate(name) if name else None
    if old is None or old.head is None or module is None or world.history.find(old.ref) is None:
        return None
    text = world.history.read(old.head, module)
    return None if text is None else text.decode("utf-8", "replace")


def recording(world: World, candidate: str) -> Path:
    """Where every author's session is written down, to be replayed without a model."""
    folder = world.layout.evidence / candidate
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "session.jsonl"


def heard(world: World, candidate: Candidate, said: str) -> None:
    """An author's own lines for the notebook."""
    if candidate.wish is None:
        return
    project = projects.find(world.journal, candidate.wish.id)
    fuller = project.heard(world.clock(), candidate.id, said)
    if fuller != project:
        projects.save(world.journal, fuller)


def drop(world: World, candidate: Candidate) -> str | None:
    """Why this draft needs no judging; None when it does."""
    if candidate.wish is None or candidate.head is None:
        return None
    seen = print_of(world, candidate.base, candidate.head)
    if seen.same:
        return "the author changed nothing but layout and comments"
    if strays := outside(candidate.wish.paths, seen.paths):
        return f"{strays[0]} is none of the paths that the goal allows"
    for idea in projects.find(world.journal, candidate.wish.id).blocked:
        if idea.tree == seen.tree or (idea.tokens and alike(idea.tokens, seen.tokens)):
            return f"the same change as cand/{idea.candidate}, which did not do: {idea.reason}"
    return None


def ended(world: World, candidate: Candidate) -> None:
    """A cycle ended: remember what it cost, and how it ended."""
    if candidate.wish is not None:
        project = projects.find(world.journal, candidate.wish.id)
        project = project.model_copy(update={"tokens": project.tokens + candidate.tokens})
        projects.save(world.journal, _after(world, candidate, project, candidate.wish))


def decided(world: World, candidate: Candidate) -> None:
    """One that had waited came to its end; what a person refuses is no idea to come with again."""
    if candidate.wish is not None:
        project = projects.find(world.journal, candidate.wish.id)
        projects.save(world.journal, _after(world, candidate, project, candidate.wish))


def taken_back(world: World, promotion: Promotion) -> None:
    """What served its goal serves no more: that was a try which failed, told once."""
    name = world.point(promotion.merge).trailers.get(releases.CANDIDATE, "")
    candidate = world.journal.candidate(name)
    goal = candidate.wish if candidate is not None else None
    if candidate is None or goal is None:
        return
    project = projects.find(world.journal, goal.id)
    if project.state is State.COMPLETE:
        candidate = candidate.model_copy(update={"reason": f"taken back: {promotion.reason}"})
        projects.save(world.journal, _rejected(world, candidate, project, goal))


def _after(world: World, candidate: Candidate, project: Project, goal: Goal) -> Project:
    """A goal whose tries are used up is blocked."""
    if candidate.state is Stage.PROMOTED:
        if candidate.merge not in world.journal.taken_back():
            return project.to(State.COMPLETE, f"{candidate.release} serves it")
        return _rejected(world, candidate, project, goal)
    if project.state is State.COMPLETE:  # another candidate was promoted meanwhile
        return project
    if candidate.state is Stage.REJECTED:
        return _rejected(world, candidate, project, goal)
    if project.state not in (State.EXECUTING, State.REVIEWING):
        return project
    waits = candidate.state is Stage.JUDGED
    state = State.REVIEWING if waits and project.state is State.REVIEWING else State.PLANNING
    return project.to(state, candidate.reason or "it waits for a person")


def hidden_gate(reason: str, goal: Goal) -> str | None:
    """The gate that said so, when it is one whose words authors never see."""
    gate = reason.split(":", 1)[0]
    seen = gate not in HIDDEN or (gate == "goal" and goal.acceptance is None)
    return None if seen else gate


def told_reason(reason: str, goal: Goal) -> str:
    """Without what a check that authors never see has said."""
    gate = hidden_gate(reason, goal)
    return f"the {gate} gate, which is not shown to authors, was not convinced" if gate else reason


def _rejected(world: World, candidate: Candidate, project: Project, goal: Goal) -> Project:
    whole = candidate.reason or "rejected"
    reason = told_reason(whole, goal)
    project = project.model_copy(update={"tries": project.tries + 1})
    idea = Idea(candidate=candidate.id, approach="a try without a change", reason=reason)
    if candidate.head is not None and candidate.head != candidate.base:
        seen = print_of(world, candidate.base, candidate.head)
        idea = idea.model_copy(update={"approach": _approach(world, candidate, seen)})
        if candidate.passed is not None:  # else the idea itself was never judged
            idea = idea.model_copy(update={"tree": seen.tree, "tokens": seen.tokens})
    if idea.tree not in {known.tree for known in project.blocked} or not idea.tree:
        kept = (*project.blocked, idea)[-IDEAS_KEPT_MAX:]
        project = project.model_copy(update={"blocked": kept})
    project = project.to(State.PLANNING, whole)
    if project.tries < goal.tries:
        return project
    return project.to(State.BLOCKED, f"{project.tries} tries failed, the last: {whole}")


def _approach(world: World, candidate: Candidate, seen: Print) -> str:
    """The steps' own words, and where they were taken."""
    steps = world.history.log(f"{candidate.base}..{candidate.head}", limit=5)
    told = "; ".join(entry.subject for entry in reversed(steps))
    return f"{told} ({', '.join(seen.paths[:5])})"
