"""What cycles, goals and days have spent, and what the next author may spend.

The archive is the ledger: a candidate holds what its author spent, and of one that was cut off
by a crash the recorded session does, which is on disk before each reply is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from daemon.core.budget import Allowance, Spent, least, left, share, total
from daemon.core.candidate import Candidate, Stage
from daemon.core.goal import Budget, Goal
from daemon.state import prices
from daemon.supervisor import worked
from daemon.supervisor.rules import local
from daemon.supervisor.world import World
from ops.errors import Exit, Refused
from ops.files import free_bytes, size_of

LOOKED_BACK_MAX = 5_000
PAGE_CANDIDATES = 50
DAYS_SHOWN = 7
NO_LIMIT, NOTHING = Budget(), Spent()


def of(world: World, candidate: Candidate) -> Spent:
    prompt, completion = candidate.prompt_tokens, candidate.completion_tokens
    if candidate.tokens == 0:
        prompt, completion = recorded(world, candidate.id)
    elif prompt + completion == 0:
        prompt = candidate.tokens  # of a candidate that an older org made
    known = worth(world, candidate.model or "", prompt, completion)
    if candidate.money is not None:
        known = known.model_copy(update={"money": candidate.money})
    wall = worked.seconds(world, candidate)
    return known.model_copy(update={"wall_seconds": wall, "cycles": 1})


def worth(world: World, model: str, prompt: int, completion: int) -> Spent:
    """Tokens of a model, and what they cost."""
    tokens = prompt + completion
    price = prices.price_of(model, world.layout.home, world.settings)
    money = 0.0 if tokens == 0 else price.of(prompt, completion) if price else None
    return Spent(tokens=tokens, money=money)


def recorded(world: World, name: str) -> tuple[int, int]:
    """Prompt and completion tokens as the session of a candidate tells them."""
    return recorded_in(world.layout.evidence / name / "session.jsonl")


def recorded_in(path: Path) -> tuple[int, int]:
    prompt = completion = 0
    try:
        lines = path.read_bytes().split(b"\n")[1:]
    except OSError:
        return 0, 0
    for line in lines:
        try:
            usages = [chunk.get("usage") for chunk in json.loads(line)["reply"]]
            usage = next(one for one in reversed(usages) if one)
            prompt += int(usage["prompt_tokens"])
            completion += int(usage["completion_tokens"])
        except (ValueError, LookupError, TypeError, StopIteration, AttributeError):
            continue
    return prompt, completion


def drafted(
    world: World,
    name: str,
    before: tuple[tuple[int, int], Spent],
    metered: tuple[tuple[int, int], float | None],
) -> dict[str, Any]:
    """What a whole draft used, as fields of its candidate: `before`, and what was metered since.

    Or what its session holds, which outlives a broker that died, if that is more. Tokens are of
    prompts and replies.
    """
    (counted, spent), (since_then, money) = before, metered
    counted = counted[0] + since_then[0], counted[1] + since_then[1]
    prompt, completion = whole = max(counted, recorded(world, name), key=sum)
    found: dict[str, Any] = {"tokens": prompt + completion, "prompt_tokens": prompt}
    known = whole == counted and money is not None and spent.money is not None
    found["money"] = (money or 0.0) + (spent.money or 0.0) if known else None
    return found | {"completion_tokens": completion}


def today(world: World) -> Spent:
    """Of the machine's own day; read no further back than its midnight."""
    return _day(world, 0)[1]


def _day(world: World, back: int) -> tuple[datetime, Spent]:
    """Its midnight, and what was spent until the next: a wrong clock has dated some ahead."""
    now = local(world.clock()) - timedelta(days=back)
    begin = now.replace(hour=0, minute=0, second=0, microsecond=0)
    end = (begin + timedelta(days=1)).timestamp()
    ones = (one for one in since(world, begin.timestamp()) if one.created < end)
    return begin, total(of(world, one) for one in ones)


def since(world: World, begin: float) -> Iterable[Candidate]:
    before: str | None = None
    while page := world.journal.archive(before, None, "", PAGE_CANDIDATES):
        for one in page:
            if one.created < begin:
                return
            yield one
        before = page[-1].id


def of_goal(world: World, goal: Goal) -> Spent:
    every = world.journal.candidates(limit=LOOKED_BACK_MAX)
    return total(of(world, one) for one in every if one.wish and one.wish.id == goal.id)


def exhausted(world: World) -> dict[str, str]:
    """Goals that no author may work on, by their own budgets: id -> why."""
    limited = {one.id: one.budget for one in world.journal.goals() if one.budget != NO_LIMIT}
    if not limited:
        return {}
    used: dict[str, list[Spent]] = {name: [] for name in limited}
    for one in world.journal.candidates(limit=LOOKED_BACK_MAX):
        if one.wish and one.wish.id in limited:
            used[one.wish.id].append(of(world, one))
    rests = {name: left(limit, total(used[name])) for name, limit in limited.items()}
    found = {name: rest for name, rest in rests.items() if isinstance(rest, str)}
    model = world.settings.author.wanted[0] or world.settings.model.name
    known = prices.price_of(model, world.layout.home, world.settings)
    if known is None and (model or not prices.load(world.layout.home)):
        why = f"money is limited and nobody said what {model or 'the model'} costs"
        found |= {name: why for name, limit in limited.items() if limit.money is not None}
    return found


def day_limit(world: World) -> Budget:
    asked = world.settings.budget
    return Budget(
        tokens=asked.day_tokens, money=asked.day_money, wall_seconds=asked.day_wall_seconds
    )


def spent(world: World) -> str | None:
    """Why no further cycle may begin today; None when one may."""
    limit = day_limit(world)
    rest = left(limit, today(world)) if limit != NO_LIMIT else limit
    if isinstance(rest, str):
        return f"the day's budget: {rest}"
    most = world.settings.budget.disk_bytes
    if most is not None and size_of(world.layout.home) > most:
        return f"more than {most} bytes of disk are used; free some with: orgctl gc"
    floor = world.settings.policy.disk_free_bytes
    if free_bytes(world.layout.home) < floor:
        return f"less than {floor // 2**20} MiB of disk are free"
    return None


def allowance(world: World, goal: Goal, model: str, before: Spent = NOTHING) -> Allowance:
    """What the next author may spend: the strictest of cycle, goal and its part of the day.

    `before` is what its cycle has spent already. Raises Refused when nothing is left.
    """
    author = world.settings.author
    cycle = Budget(
        tokens=author.tokens_max, money=author.money_max, wall_seconds=author.wall_seconds
    )
    limits: dict[str, Budget] = {}
    sides: tuple[tuple[str, Budget, Callable[[], Spent]], ...] = (
        ("cycle", cycle, lambda: before),
        ("day", day_limit(world), lambda: today(world)),
        ("goal", goal.budget, lambda: of_goal(world, goal)),
    )
    for name, limit, used in sides:
        if limit == NO_LIMIT:  # without one the archive need not be read
            continue
        rest = left(limit, used())
        if isinstance(rest, str):
            hint = "raise it, or wait; see: orgctl budget"
            raise Refused(f"the {name}'s budget: {rest}", hint, Exit.BUSY)
        limits[name] = share(rest, _at_work(world)) if name == "day" else rest
    found = least(limits)
    known = prices.price_of(model, world.layout.home, world.settings)
    if found.budget.money is not None and known is None:
        text = f"money is limited and nobody said what {model} costs"
        raise Refused(text, f"write it down in {world.layout.home / prices.FILE}")
    return found


def for_judging(world: World, name: str) -> dict[str, object]:
    """The limits of a door for what is judged under this name: its author's, if less is left."""
    candidate = world.journal.candidate(name)
    goal = (candidate.wish if candidate else None) or Goal(id=name, text=name)
    before = of(world, candidate) if candidate else NOTHING
    most = world.settings.policy.judging_tokens_max
    limits: dict[str, object] = {"prices": prices.known(world.layout.home, world.settings)}
    try:
        rest = allowance(world, goal, world.settings.model.name, before).budget
    except Refused:  # nothing is left: it may ask, and is refused
        return limits | {"tokens_max": 0}
    tokens = most if rest.tokens is None else min(most, rest.tokens)
    return limits | {"tokens_max": tokens, "money_max": rest.money}


def charge(world: World, name: str, usage: Mapping[str, Any]) -> None:
    """What was used while a candidate was judged is its own; of what is none nothing is kept."""
    candidate = world.journal.candidate(name)
    prompt, completion = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
    if candidate is None or prompt + completion == 0:
        return
    before, money = of(world, candidate).money, usage.get("money")
    known = None if before is None or money is None else before + float(money)
    world.journal.save_candidate(
        candidate.model_copy(
            update={
                "tokens": candidate.tokens + prompt + completion,
                "prompt_tokens": candidate.prompt_tokens + prompt,
                "completion_tokens": candidate.completion_tokens + completion,
                "money": known,
            }
        )
    )


def _at_work(world: World) -> int:
    """Authors that began together and spend from one budget; the one that asks among them."""
    open_ones = world.journal.open_candidates()
    return max(1, sum(one.state is Stage.DRAFTING for one in open_ones))


def view(world: World) -> dict[str, object]:
    """For `orgctl budget`."""
    seen = (_day(world, back) for back in range(DAYS_SHOWN))
    days = [{"day": begin.date().isoformat(), **used.model_dump()} for begin, used in seen]
    author, asked = world.settings.author, world.settings.budget
    return {
        "today": days[0],
        "day": day_limit(world).model_dump(),
        "cycle": {
            "tokens": author.tokens_max,
            "money": author.money_max,
            "wall_seconds": author.wall_seconds,
        },
        "goals": [
            {
                "goal": goal.id,
                "limit": goal.budget.model_dump(),
                **of_goal(world, goal).model_dump(),
            }
            for goal in world.journal.goals()
        ],
        "disk": {"used_bytes": size_of(world.layout.home), "limit_bytes": asked.disk_bytes},
        "days": days,
        "held": spent(world),
    }
