"""Perform the promotion table: one method an effect, each safe to repeat after a crash.

The journal has the state before the effect begins; so a replay finds the same effect,
and "already so" is success.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from daemon.core import release as releases
from daemon.core.events import Kind
from daemon.core.promotion import NEXT, Answer, Effect, Promotion, State, effect
from daemon.supervisor import bad, ideas, judge, signing
from daemon.supervisor.probation import Breach, check, watch
from daemon.supervisor.runnable import build
from daemon.supervisor.serving import Serving
from daemon.supervisor.slots import Slots
from daemon.supervisor.watcher import Watcher
from daemon.supervisor.world import World
from ops.errors import Failed, Trouble
from ops.records import RefChange

FORMERS_TRIED_MAX = 20
TRIES_EACH = 2  # one that was killed while it started is not one that cannot
PAUSE_SECONDS_FIRST = 0.2
PAUSE_SECONDS_MAX = 10.0
Answered = tuple[Answer, dict[str, Any]]


class Promoter:
    """All changes of what serves go through here, one at a time."""

    def __init__(self, world: World, slots: Slots, watcher: Watcher) -> None:
        self._world = world
        self._slots = slots
        self._watcher = watcher
        self._prepared: Serving | None = None
        self.probation: asyncio.Task[None] | None = None
        self.watched: Promotion | None = None
        self.turn = asyncio.Lock()  # held by whoever changes main or what serves
        slots.fallen = self.claims
        self._effects: dict[Effect, Callable[[Promotion], Awaitable[Answered]]] = {
            Effect.CONFIRM: self._confirm,
            Effect.START: self._start,
            Effect.COMMIT_REFS: self._commit_refs,
            Effect.SWITCH: self._switch,
            Effect.SERVE_FORMER: self._serve_former,
            Effect.REVERT_REFS: self._revert_refs,
        }

    async def run(self, promotion: Promotion) -> Promotion:
        """Go on until it is over or in probation, which then goes on by itself."""
        self._save(promotion)
        while (todo := effect(promotion.state)) is not None:
            if todo is Effect.WATCH:
                self._begin_probation(promotion)
                return promotion
            try:
                answer, changes = await self._effects[todo](promotion)
            except (Trouble, OSError) as error:
                if Answer.FAILED not in NEXT[promotion.state][1]:
                    if isinstance(error, OSError):  # nobody treats it: begin anew, and go on
                        self._world.give_up(Failed(str(error), "see: orgctl doctor"))
                    raise
                answer, changes = Answer.FAILED, {"reason": promotion.reason or str(error)}
            promotion = promotion.to(answer, **changes)
            self._save(promotion)
        await self._tidy(promotion)
        return promotion

    def _save(self, promotion: Promotion) -> None:
        try:
            self._world.journal.save_promotion(promotion)
        except Trouble as lost:  # nothing may happen that is not written down: begin anew
            self._world.give_up(lost)
            raise
        self._world.tell(
            Kind.PROMOTION,
            promotion.candidate,
            id=promotion.id,
            state=str(promotion.state),
            release=promotion.release,
            reason=promotion.reason,
        )

    async def _tidy(self, promotion: Promotion) -> None:
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared is not self._slots.current:
            await prepared.stop()
        if promotion.state is State.REVERTED:
            await self._slots.retire_former()  # it is the one that failed

    # Effects, in the order of the table

    async def _confirm(self, promotion: Promotion) -> Answered:
        """The verdict is for exactly this commit on exactly this main, and its card is intact."""
        world = self._world
        if world.main() not in (promotion.main, promotion.merge):
            return Answer.FAILED, {"reason": "main moved since the verdict"}
        if world.point(promotion.merge).parents[0] != promotion.main:
            return Answer.FAILED, {"reason": "it was merged with another main than the one of now"}
        card = judge.kept(world, promotion.merge)
        if card is None or card.digest() != promotion.verdict:
            return Answer.FAILED, {"reason": "the scorecard is missing or was changed"}
        if not (card.passed and card.complete() and card.base == promotion.main):
            return Answer.FAILED, {"reason": "the scorecard does not accept this commit here"}
        tags = world.history.refs(releases.RELEASE_TAGS)
        number = releases.next_number(tags, releases.RELEASE_TAGS)
        return Answer.CONFIRMED, {"release": promotion.release or f"release/{number}"}

    async def _start(self, promotion: Promotion) -> Answered:
        if self._foreign_without_control(promotion.merge):
            return Answer.STARTED, {}  # it takes the socket when it starts, so only at the switch
        release = await build(self._world, promotion.merge)
        # What the new one will be compared with is seen meanwhile, in the same seconds.
        looking = asyncio.create_task(self._watcher.look_enough())
        try:
            self._prepared = await self._slots.prepare(release, promotion.release)
        finally:
            await looking
        return Answer.STARTED, {}

    async def _commit_refs(self, promotion: Promotion) -> Answered:
        history, name = self._world.history, f"refs/tags/{promotion.release}"
        message = releases.message(
            f"Release {promotion.release}",
            "",
            {
                releases.VERDICT: promotion.verdict or "none",
                releases.FORMER: promotion.former,
                releases.TOKENS: str(promotion.tokens),
            },
        )
        changes = []
        if self._world.main() != promotion.merge:
            if history.lacks_signature(promotion.merge):
                return Answer.FAILED, {"reason": "it was judged before there was a key to sign it"}
            changes.append(RefChange(releases.MAIN, promotion.merge, promotion.main))
        if history.refs(name).get(name) != promotion.merge:
            tag = history.tag(str(promotion.release), promotion.merge, message, promotion.when)
            changes.append(RefChange(name, tag, None))
        if changes:
            history.move(changes)
        return Answer.REFS_MOVED, {}

    async def _switch(self, promotion: Promotion) -> Answered:
        serving = self._prepared or self._slots.warm(promotion.merge)
        if serving is None:
            serving = await self._bring_up(promotion.merge, promotion.release)
        await self._slots.switch(serving)
        self._prepared = None
        self._supersede()
        return Answer.SWITCHED, {}

    async def _serve_former(self, promotion: Promotion) -> Answered:
        """Traffic first: the warm one at once, else a fresh process of the former release.

        One that does not serve either, nor when it is tried again, is passed over for the
        release before it.
        """
        pause, reason = PAUSE_SECONDS_FIRST, promotion.reason
        commit: str | None = promotion.former
        for number in range(FORMERS_TRIED_MAX):
            if commit is None:
                break
            try:
                await self._return_to(commit)
            except Trouble as trouble:
                reason = f"{commit[:12]} cannot be returned to: {trouble.message}"
                self._world.tell(Kind.NOTICE, promotion.candidate, text=reason)
                if number % TRIES_EACH == TRIES_EACH - 1:
                    commit = releases.former(commit, self._world.point)
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSE_SECONDS_MAX)
            else:
                return Answer.RETURNED, {"former": commit}
        if promotion.candidate is None:
            with contextlib.suppress(Trouble):  # neither serves: main says which one is wanted
                await self._return_to(promotion.merge)
                return Answer.KEPT, {"reason": reason}
        return Answer.FAILED, {}

    async def _return_to(self, commit: str) -> None:
        serving = self._slots.warm(commit)
        if serving is None:
            serving = await self._bring_up(commit, self._world.tag_of(commit))
        await self._slots.switch(serving)
        await check(self._watcher, serving)

    async def _revert_refs(self, promotion: Promotion) -> Answered:
        """A commit on top with the former's tree: main never rewinds, and nothing can conflict."""
        world, history = self._world, self._world.history
        ideas.taken_back(world, promotion)
        signing.or_without(world)
        head = world.main()  # a later promotion may have come, and been taken back, meanwhile
        number = releases.next_number(history.refs(releases.ROLLBACK_TAGS), releases.ROLLBACK_TAGS)
        name = promotion.rollback or f"rollback/{number}"
        former = world.tag_of(promotion.former) or promotion.former[:12]
        trailers = releases.restoring(promotion.merge, promotion.former, promotion.reason)
        message = releases.message(f"Return to {former}", "", trailers)
        commit, ref = head, f"refs/tags/{name}"
        if head != promotion.restoring:  # else main moved before, by one that was killed
            tree = history.tree(promotion.former)
            commit = history.commit(tree, [head], message, promotion.when, signed=True)
            promotion = promotion.model_copy(update={"rollback": name, "restoring": commit})
            world.journal.save_promotion(promotion)  # the name is fixed before it is used
        changes = [] if not promotion.candidate else bad.marks(history, promotion)
        if commit != head:
            changes.append(RefChange(releases.MAIN, commit, head))
        if history.refs(ref).get(ref) != commit:
            tag = history.tag(name, commit, message, promotion.when)
            changes.append(RefChange(ref, tag, None))
        if changes:
            history.move(changes)
        return Answer.REVERTED, {"rollback": name, "restoring": commit}

    async def _bring_up(self, commit: str, tag: str | None) -> Serving:
        release = await build(self._world, commit)
        if self._foreign_without_control(commit):
            await self._slots.let_go()
        return await self._slots.prepare(release, tag)

    def _foreign_without_control(self, commit: str) -> bool:
        world = self._world
        return world.instance.kind == "repo" and not world.repo_settings(commit).serve.control

    # Probation

    def _begin_probation(self, promotion: Promotion) -> None:
        self.watched = promotion
        self.probation = asyncio.create_task(self._probation(promotion))

    async def _probation(self, promotion: Promotion) -> None:
        try:
            await self._watched(promotion)
        except Breach as breach:
            async with self.turn:
                if self.watched is promotion:
                    await self.undo(promotion, breach.reason)
            return
        if self.watched is promotion:
            self.watched = None
            self._save(promotion.to(Answer.SETTLED))
            await self._slots.retire_former()

    async def _watched(self, promotion: Promotion) -> None:
        """Whoever cannot look has seen nothing: it is told, and begun anew. Raises Breach."""
        while True:
            try:
                return await watch(self._watcher, promotion)
            except (Trouble, OSError) as error:
                text = f"probation could not be watched: {error}"
                self._world.tell(Kind.NOTICE, promotion.candidate, text=text)
                await asyncio.sleep(PAUSE_SECONDS_MAX)

    def _supersede(self) -> None:
        """A newer release serves: the one in probation is neither settled nor failed."""
        watched, self.watched = self.watched, None
        if self.probation is not None:
            self.probation.cancel()
        if watched is not None:
            self._save(watched.to(Answer.SUPERSEDED))

    async def undo(self, promotion: Promotion, reason: str) -> Promotion:
        """The release under probation fails: back to its former. The caller holds `turn`."""
        self.watched = None
        if self.probation is not None and self.probation is not asyncio.current_task():
            self.probation.cancel()
        return await self.run(promotion.to(Answer.FAILED, reason=reason))

    def forget_probation(self) -> None:
        """Another release is chosen by hand: what was watched is neither settled nor failed."""
        self._supersede()

    def claims(self, serving: Serving) -> bool:
        """A crash under probation is not restarted: probation takes it back."""
        return self.watched is not None and serving.release.commit == self.watched.merge

    async def stop(self) -> None:
        if self.probation is not None:
            self.probation.cancel()


def new_promotion(world: World, **known: Any) -> Promotion:
    """A fresh record; ids ascend with time."""
    when = int(world.clock())
    last = world.journal.fact("promotions") or "0"
    number = int(last) + 1
    world.journal.set_fact("promotions", str(number))
    return Promotion(id=f"p{number:06d}", when=when, **known)
