"""One cycle: goal, author, merge result, judgement, promotion; every step told as it happens."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any

from daemon.core import release as releases
from daemon.core.budget import Spent
from daemon.core.candidate import ENDED, Candidate, Stage, new_id
from daemon.core.events import Kind
from daemon.core.goal import Goal, Protocol
from daemon.core.promotion import State, stage_after
from daemon.supervisor import bad, budgets, frozen, ideas, judge, lineage, outcome, runnable, worked
from daemon.supervisor.author import COUNTED, Author, Brief
from daemon.supervisor.broker import Broker
from daemon.supervisor.canaries import prove
from daemon.supervisor.learned import prompts_of
from daemon.supervisor.promoter import Promoter, new_promotion
from daemon.supervisor.slots import Slots
from daemon.supervisor.wish import Wish, chosen_protocol, model_of
from daemon.supervisor.world import World
from fitness import approval
from ops.errors import Refused, Trouble
from ops.records import RefChange

MERGES = "refs/org/merges/"  # keeps every judged merge result from being collected
REBUILDS_MAX = 3


@dataclass
class Cycle:
    """The way from a wish to an outcome; the caller holds the operation lease."""

    world: World
    broker: Broker
    slots: Slots
    promoter: Promoter
    authors: dict[str, Author] = field(default_factory=dict)  # at work, by their candidate

    def open(self, goal: Goal) -> Candidate:
        """A fresh candidate, drafting on top of what serves."""
        world = self.world
        now = world.clock()
        taken = frozenset(one.id for one in world.journal.candidates(limit=100))
        candidate = Candidate(
            id=new_id(now, taken), goal=goal.text, wish=goal, created=int(now), base=world.main()
        )
        world.journal.save_candidate(candidate)
        world.tell(Kind.CYCLE_STARTED, candidate.id, goal=goal.text)
        return candidate

    async def run(self, candidate: Candidate, wish: Wish) -> Candidate:
        """The candidate at its end; whatever goes wrong on the way is its reason."""
        return await self._finish(candidate, self._draft(candidate, wish))

    async def run_side_by_side(self, begun: Sequence[tuple[Candidate, Wish]]) -> list[Candidate]:
        """All authors work at once; what they make is judged in turn, on the main of then."""
        drafts = [asyncio.create_task(self._draft(*one)) for one in begun]
        try:
            return [
                await self._finish(candidate, draft)
                for (candidate, _), draft in zip(begun, drafts, strict=True)
            ]
        finally:
            for draft in drafts:
                draft.cancel()

    async def take_up(self, candidate: Candidate) -> Candidate:
        """Go on where an earlier supervisor died: with its draft, judgement or promotion."""
        goal = candidate.wish
        assert goal is not None, "recovery leaves no other"
        text = f"the supervisor had died while it was {candidate.state}; it goes on"
        self.world.tell(Kind.NOTICE, candidate.id, text=text)
        if candidate.state is Stage.DRAFTING:
            return await self.run(candidate, Wish(goal))
        return await self._finish(candidate, self._drafted(candidate))

    async def _drafted(self, candidate: Candidate) -> Candidate:
        if candidate.state in (Stage.DRAFTED, Stage.JUDGED):
            return candidate
        return self.move(candidate, Stage.DRAFTED)

    async def _finish(self, candidate: Candidate, drafting: Awaitable[Candidate]) -> Candidate:
        try:
            candidate = await drafting
            async with worked.counted(self.world, candidate.id):
                if candidate.state is Stage.DRAFTED:
                    candidate = self._dropped(candidate)
                if candidate.state is Stage.DRAFTED:
                    candidate = await self.judge(candidate)
                if candidate.state is Stage.JUDGED and self._may_promote(candidate):
                    candidate = await self.promote(candidate)
        except (Trouble, OSError) as trouble:
            candidate = self._now(candidate)
            stage = Stage.REJECTED if outcome.is_own(trouble) else Stage.ABANDONED
            candidate = self.move(candidate, stage, reason=str(trouble))
        candidate = worked.end(self.world, candidate)
        ideas.ended(self.world, candidate)
        self.world.tell(
            Kind.CYCLE_ENDED,
            candidate.id,
            outcome=candidate.outcome() or str(candidate.state),
            reason=candidate.reason,
            release=candidate.release,
        )
        return candidate

    def _dropped(self, candidate: Candidate) -> Candidate:
        """What is no new idea is rejected before it costs a gate."""
        reason = ideas.drop(self.world, candidate)
        if reason is not None:
            return self.move(candidate, Stage.REJECTED, reason=reason)
        ideas.reviewing(self.world, candidate)
        return candidate

    def _now(self, candidate: Candidate) -> Candidate:
        return self.world.journal.candidate(candidate.id) or candidate

    def move(self, candidate: Candidate, stage: Stage, **changes: Any) -> Candidate:
        """To `stage`, durably, then told."""
        if stage in ENDED:
            changes["decided"] = self.world.clock()
        moved = candidate.to(stage, **changes)
        try:
            self.world.journal.save_candidate(moved)
        except Trouble as lost:  # else it would seem to be under way for ever
            self.world.give_up(lost)
            raise
        self.world.tell(
            Kind.CANDIDATE, moved.id, state=str(stage), reason=moved.reason, merge=moved.merge
        )
        return moved

    def _may_promote(self, candidate: Candidate) -> bool:
        return self.world.settings.policy.promote == "auto" and self._is_free(candidate)

    def _is_free(self, candidate: Candidate) -> bool:
        return not candidate.wants_a_yes and frozen.why(self.world) is None

    # Author

    async def _draft(self, candidate: Candidate, wish: Wish) -> Candidate:
        async with worked.counted(self.world, candidate.id):
            return await self._authored(candidate, wish)

    async def _authored(self, candidate: Candidate, wish: Wish) -> Candidate:
        model, session = await model_of(self.world, self.broker, candidate, wish)
        program = await runnable.program(self.world)
        ideas.began(self.world, candidate, wish.goal)
        prompts = candidate.prompts or prompts_of(program.root)
        candidate = candidate.model_copy(update={"model": model, "prompts": prompts})
        known: dict[str, Any] = {}
        if candidate.protocol is None:  # a draft that goes on keeps what it began with
            protocol = chosen_protocol(self.world, candidate, wish.goal, model)
            known = {"protocol": str(protocol), "told": ideas.told(self.world, wish.goal, protocol)}
            known["start"] = lineage.start(self.world, candidate, wish.goal)
            if protocol is Protocol.REWRITE:  # a replay is given the same, whatever came since
                known["former"] = ideas.former(self.world, wish.goal, candidate.base)
        candidate = candidate.model_copy(update=known)
        self.world.journal.save_candidate(candidate)
        record = ideas.recording(self.world, candidate.id)
        before = budgets.recorded(self.world, candidate.id)
        spent = budgets.of(self.world, candidate)
        allowed = budgets.allowance(self.world, wish.goal, model, spent)
        brief = Brief(candidate, wish.goal, program, model, session, record, allowed.budget, spent)
        author = self.authors[candidate.id] = Author(self.world, self.broker, brief)
        try:
            draft = await author.run()
        finally:
            del self.authors[candidate.id]
            if wish.record is not None and record.is_file():
                shutil.copyfile(record, wish.record)  # the evidence keeps its own, for a replay
        metered = draft.usage[COUNTED[0]], draft.usage[COUNTED[1]]
        used = Spent(tokens=sum(metered), money=draft.money)
        known = budgets.drafted(self.world, candidate.id, (before, spent), (metered, draft.money))
        known |= {"head": draft.head, "drafted": int(self.world.clock())}
        verdict = outcome.unfinished(draft, candidate, allowed.ended(draft.status, used))
        if verdict is not None:
            stage, reason = verdict
            return self.move(candidate, stage, reason=reason, **known)
        return self.move(candidate, Stage.DRAFTED, **known)

    # Judge

    async def judge(self, candidate: Candidate) -> Candidate:
        """On the exact merge result with the main of now."""
        candidate, merge = self.merge(candidate)
        await runnable.build(self.world, merge)
        candidate = self.move(candidate, Stage.BUILT)
        # The main that it was merged with: another may have come while it was built.
        base = self.world.point(merge).parents[0]
        case = judge.Case(candidate.id, merge, base, candidate.wish)
        card = await judge.judge(self.world, self.slots, self.broker, case)
        candidate = self._now(candidate)  # what it asked of models meanwhile is charged to it
        digest = judge.keep(self.world, card)
        known = {
            "scorecard": digest,
            "passed": card.passed,
            "needs_approval": self._needs_approval(merge, case.base),
        }
        if not card.passed:
            return self.move(candidate, Stage.REJECTED, reason=card.refusal(), **known)
        return self.move(candidate, Stage.JUDGED, **known)

    def _needs_approval(self, merge: str, base: str) -> bool:
        repo = self.world.instance.kind == "repo"
        protected = self.world.repo_settings(base).protected if repo else None
        return approval.asked(self.world.history, base, merge, protected) is not None

    def merge(self, candidate: Candidate) -> tuple[Candidate, str]:
        """The merge result, made without a work tree and kept by a ref of its own."""
        world, history = self.world, self.world.history
        head, base = candidate.head, world.main()
        if head is None:
            raise Refused("the candidate has nothing to judge", "evolve again")
        text = releases.message(
            candidate.goal,
            "",
            {
                releases.CANDIDATE: candidate.id,
                releases.GOAL: candidate.goal,
                releases.BASE: base,
            },
        )
        # The head's own date makes a redo give the same commit.
        merge = history.merge(base, head, text, max(history.when(head), history.when(base)))
        bad.refuse(history, merge)
        ref = MERGES + candidate.id
        if history.find(ref) != merge:
            history.move([RefChange(ref, merge, history.find(ref))])
        candidate = candidate.model_copy(update={"merge": merge})
        world.journal.save_candidate(candidate)
        return candidate, merge

    # Promote

    async def promote(self, candidate: Candidate) -> Candidate:
        """A judged candidate into service; judged anew first if main moved meanwhile."""
        for _ in range(REBUILDS_MAX):
            if not self._stale(candidate):
                return await self._promote(candidate)
            candidate = self.move(candidate, Stage.DRAFTED, passed=None)
            try:
                candidate = await self.judge(candidate)
            except Refused as refused:  # perhaps as it does not fit on the main of now
                if not outcome.is_own(refused):
                    raise
                return self.move(self._now(candidate), Stage.REJECTED, reason=refused.message)
            # Another main may protect more, and while it was judged a freeze may have begun.
            if candidate.state is not Stage.JUDGED or not self._is_free(candidate):
                return candidate
        raise Refused("main kept moving while the candidate was judged", "try again later")

    async def promote_waiting(self, candidate: Candidate) -> Candidate:
        """One whose cycle has ended; however this ends is remembered of its goal, too."""
        try:
            candidate = await self.promote(candidate)
        except (Trouble, OSError) as trouble:
            candidate = self._now(candidate)
            if candidate.outcome() is None:  # it was to be judged anew
                ideas.decided(
                    self.world, self.move(candidate, Stage.ABANDONED, reason=str(trouble))
                )
            raise
        ideas.decided(self.world, candidate)
        return candidate

    def refuse(self, candidate: Candidate, reason: str) -> Candidate:
        """By a person."""
        candidate = self.move(candidate, Stage.REJECTED, reason=reason)
        ideas.decided(self.world, candidate)
        return candidate

    def _stale(self, candidate: Candidate) -> bool:
        card = judge.kept(self.world, candidate.merge) if candidate.merge else None
        lacks = self.world.history.lacks_signature
        return card is None or card.base != self.world.main() or lacks(card.commit)

    async def _promote(self, candidate: Candidate) -> Candidate:
        if candidate.merge is not None:
            await prove(self.world, self.slots, self.broker, candidate.merge)
        async with self.promoter.turn:
            promotion = await self.promoter.run(
                new_promotion(
                    self.world,
                    state=State.JUDGED,
                    candidate=candidate.id,
                    main=self.world.main(),
                    merge=candidate.merge,
                    former=self.world.serving(),
                    verdict=candidate.scorecard,
                    tokens=candidate.tokens,
                )
            )
        stage = stage_after(promotion)
        return self.move(candidate, stage, release=promotion.release, reason=promotion.reason)
