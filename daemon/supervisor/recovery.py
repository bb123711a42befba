"""After any end, however sudden: sweep what is torn, finish what was begun, serve again."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from daemon.core import release as releases
from daemon.core.candidate import Stage
from daemon.core.events import Kind
from daemon.core.promotion import Answer, State, stage_after
from daemon.state.programs import Programs
from daemon.supervisor import ideas, strays, worked
from daemon.supervisor.broker_room import Room
from daemon.supervisor.custody import Custody
from daemon.supervisor.promoter import Promoter
from daemon.supervisor.revival import may_go_on
from daemon.supervisor.runnable import build
from daemon.supervisor.slots import Slots
from daemon.supervisor.world import World
from ops import worktree
from ops.errors import Failed, Trouble
from ops.files import remove_tree
from ops.lifecycle import leftovers
from ops.processes import family

FORMERS_TRIED_MAX = 10


def sweep(world: World, custody: Custody) -> None:
    """Remove what a killed process left; the daemon's lease proves that nobody else writes."""
    _end_leftovers(world, custody)
    for lock in world.layout.repo.rglob("*.lock"):
        lock.unlink(missing_ok=True)
    worktree.sweep(world.layout.releases)
    worktree.sweep(world.layout.candidates)


def sweep_cells(world: World) -> None:
    """Away with the folders whose doors are closed by now."""
    for cell in (world.layout.run / "cells").glob("*"):
        if not any(one.is_socket() for one in cell.iterdir()):
            remove_tree(cell)
    if (room := Room.find()) is not None:
        room.sweep()


def _end_leftovers(world: World, custody: Custody) -> None:
    """Programs of this home whom nobody holds: juries, and what serves where a keeper died."""
    held = [kept.child.inner or kept.child.pid for kept in custody.kept.values()]
    strays.sweep((world.layout.run / "cells" / name for name in ("current", "candidate")), held)
    if (room := Room.find()) is not None:
        strays.sweep((room.path / "doors").iterdir(), held)
    spared = {os.getpid(), os.getppid()}
    for kept in custody.kept.values():
        spared |= family(kept.child.pid)
    for pid in leftovers(world.layout):
        if pid not in spared:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


async def resume(world: World, slots: Slots, promoter: Promoter) -> None:
    """Serve what main names, finish open promotions, end what no process works on any more."""
    began = time.monotonic()
    serves, warm = _roles(world)
    if not await slots.adopt(serves, warm):
        await _serve(world, slots, serves)
    for promotion in world.journal.open_promotions():
        if promotion.state is State.SERVING and promotion.merge != world.serving():
            # Rolled back while no daemon ran: there is nothing left to watch.
            world.journal.save_promotion(promotion.to(Answer.SUPERSEDED))
            continue
        async with promoter.turn:
            failed = Programs(world.layout).failed()
            if promotion.state is State.SERVING and failed and failed.root.name == promotion.merge:
                done = await promoter.undo(promotion, failed.reason)
            else:
                done = await promoter.run(promotion)
        if done.candidate is not None:
            _settle_candidate(world, done.candidate, stage_after(done), done.release)
    for candidate in world.journal.open_candidates():
        if candidate.state is not Stage.JUDGED and not may_go_on(world, candidate):
            reason = f"the supervisor stopped while it was {candidate.state}"
            ended = candidate.to(Stage.ABANDONED, reason=reason, decided=world.clock())
            worked.end(world, ended)
            world.tell(Kind.CANDIDATE, candidate.id, state="abandoned", reason=reason)
    world.tell(Kind.NOTICE, text=f"recovered in {time.monotonic() - began:.2f} s")


def _settle_candidate(world: World, name: str, stage: Stage, release: str | None) -> None:
    candidate = world.journal.candidate(name)
    if candidate is not None and candidate.state is Stage.JUDGED:
        settled = candidate.to(stage, release=release, decided=world.clock())
        if candidate.ended is None:
            ideas.ended(world, worked.end(world, settled))
        else:
            world.journal.save_candidate(settled)
            ideas.decided(world, settled)


def _roles(world: World) -> tuple[str, str | None]:
    """Which release is to serve, and which may stay warm beside it."""
    open_one = next(iter(world.journal.open_promotions()), None)
    if open_one is None:
        return world.serving(), None
    if open_one.state in (State.REVERTING, State.RETURNED):  # main follows later
        return open_one.former, open_one.merge
    return world.serving(), open_one.former


async def _serve(world: World, slots: Slots, wanted: str) -> None:
    """What is wanted; when that cannot start, the release before it, and so on."""
    commit: str | None = wanted
    pending = [one for one in world.journal.open_promotions() if one.state is State.REVERTING]
    for _ in range(FORMERS_TRIED_MAX):
        if commit is None:
            break
        try:
            release = await build(world, commit)
            serving = await slots.prepare(release, world.tag_of(commit))
            await slots.switch(serving)
        except Trouble as trouble:
            world.tell(Kind.NOTICE, text=f"{commit[:12]} does not serve: {trouble.message}")
            commit = releases.former(commit, world.point)
        else:
            return
    if not pending:
        raise Failed("no release could be started", "see: orgctl logs current")
