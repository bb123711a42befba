"""A trusted repository as a whole: all its refs, all its objects in one pack, and its upkeep."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ops.errors import Failed
from ops.plumbing import ENVIRONMENT, FIXED, Plumbing
from ops.run import run

UNREACHABLE_KEPT = "2.days.ago"  # objects are written before the ref that leads to them
WHOLE_BYTES_MAX = 2 * 2**30
LONG_SECONDS = 3600.0  # a git that is killed leaves its locks, so it gets all the time it needs
TRAILER_BYTES = 20  # a pack ends with the hash of what comes before


class Packing:
    """Beside History, which knows what single commits and refs mean."""

    def __init__(self, repo: Path) -> None:
        self.repo = repo
        self._git = Plumbing(repo)

    def refs(self) -> dict[str, str]:
        """Full ref -> object, not peeled: a tag is a tag."""
        out = self._git.call("for-each-ref", "--format=%(objectname) %(refname)").decode()
        rows = (line.split(" ", 1) for line in out.splitlines())
        return {ref: oid for oid, ref in rows}

    def pack(self, tips: Iterable[str], target: Path) -> None:
        """All that can be reached from `tips`, as one pack that needs no other."""
        asked = "".join(f"{oid}\n" for oid in sorted(set(tips))).encode()
        flags = ("--revs", "--delta-base-offset", "--quiet")
        name = self._long("pack-objects", *flags, str(target), stdin=asked).decode().strip()
        target.with_name(f"{target.name}-{name}.pack").rename(target)
        for beside in target.parent.glob(f"{target.name}-{name}.*"):
            beside.unlink()

    def unpack(self, pack: Path) -> None:
        """Take every object of `pack`, which moves. Raises Failed when one is not sound."""
        with pack.open("rb") as source:
            source.seek(-TRAILER_BYTES, 2)
            name = source.read().hex()
        place = self.repo / "objects/pack" / f"pack-{name}.pack"
        place.parent.mkdir(parents=True, exist_ok=True)
        pack.rename(place)
        self._long("index-pack", str(place))

    def check_whole(self) -> None:
        """Raises Failed when a ref leads to an object that is not there."""
        try:
            self._long("rev-list", "--objects", "--all", "--quiet")
        except Failed as failed:
            text = f"the repository is not whole: {failed.message}"
            raise Failed(text, "restore another backup") from failed

    def pack_refs(self) -> None:
        """All in one file; who moves one meanwhile waits for a moment at most."""
        self._long("pack-refs", "--all")

    def maintain(self) -> None:
        """Few packs, no loose objects that are packed, a graph of commits; nothing is dropped."""
        self._long("maintenance", "run", "--quiet", "--task=loose-objects", "--task=commit-graph")
        self._long("prune-packed", "--quiet")
        if self.counts()["packs"]:  # git calls it an error to have none
            self._long("maintenance", "run", "--quiet", "--task=incremental-repack")

    def drop_unreachable(self) -> None:
        """One pack of what refs lead to; the rest in one of its own until it is old enough to go.

        Left for `maintain` where the repository is so large that this would take long.
        """
        if self.counts()["bytes"] > WHOLE_BYTES_MAX:
            self.maintain()
            return
        self._long("gc", "--quiet", "--force", "--cruft", f"--prune={UNREACHABLE_KEPT}")

    def counts(self) -> dict[str, int]:
        """`{"loose", "packs", "bytes"}` of objects."""
        rows = (line.split(": ") for line in self._git.line("count-objects", "-v").splitlines())
        said = {name: int(value) for name, value in rows if value.isdecimal()}
        kib = said["size"] + said["size-pack"]
        return {"loose": said["count"], "packs": said["packs"], "bytes": kib * 1024}

    def _long(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Like the plumbing's calls, for what grows with the repository. Raises Failed."""
        settings = [part for value in FIXED for part in ("-c", value)]
        argv = ["git", f"--git-dir={self.repo}", *settings, *arguments]
        environment = {**os.environ, **ENVIRONMENT}
        done = run(argv, seconds=LONG_SECONDS, stdin=stdin, environment=environment)
        if done.code != 0:
            raise Failed(f"git {arguments[0]} failed: {done.last_line}", f"look at {self.repo}")
        return done.stdout
