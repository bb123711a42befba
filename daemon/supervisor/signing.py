"""From when on merges, restores and tags are signed: a fact of the journal that verify asks for."""

from __future__ import annotations

from pathlib import Path

from daemon.core import release as releases
from daemon.core.events import Kind
from daemon.state.sections import Signing
from daemon.supervisor.world import World
from ops.errors import Refused
from ops.history import History
from ops.signing import Signer, parted

SINCE = "signing"  # what main was: all above it is signed
OFF = "off"  # there was a key, and then no more


def signer(settings: Signing) -> Signer | None:
    """Raises Refused when the key that is configured cannot sign."""
    if not settings.key:
        return None
    found = Signer(Path(settings.key))
    found.public()
    return found


def resume(world: World) -> None:
    """At a start: without its key org serves, and goes back where it must; it promotes nothing."""
    try:
        begin(world, world.settings.signing)
    except Refused as refused:
        world.unsigned = refused
        world.tell(Kind.NOTICE, text=f"nothing is promoted: {refused.message}")


def or_without(world: World) -> None:
    """For a way back, which waits for no key."""
    if world.history.signer is None:
        return
    try:
        world.history.signer.public()
    except Refused as refused:
        world.history.signer, world.unsigned = None, refused
        world.tell(Kind.NOTICE, text=f"going back unsigned: {refused.message}")


def begin(world: World, settings: Signing) -> None:
    """Sign from now on, or no more. Raises Refused; then nothing changes."""
    found = signer(settings)
    world.history.signer, world.unsigned = found, None
    since = world.journal.fact(SINCE)
    if found is None:
        if since is not None:
            world.journal.set_fact(SINCE, OFF)
    elif since is None:  # it is the first time, or the journal was lost
        world.journal.set_fact(SINCE, _below_first_signed(world.history) or world.main())
    elif since == OFF:
        world.journal.set_fact(SINCE, world.main())


def _below_first_signed(history: History) -> str | None:
    """What main was before the oldest signed tag on it, the first release's not among them."""
    prefixes = releases.RELEASE_TAGS, releases.ROLLBACK_TAGS
    named = history.refs(*prefixes)
    signed = {named[ref] for ref, raw in history.tags(*prefixes).items() if parted(raw)[1]}
    chain = history.log(f"{releases.FIRST}..{releases.MAIN}") if signed else ()
    return next((one.parents[0] for one in reversed(chain) if one.oid in signed), None)
