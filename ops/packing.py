"""A trusted repository as a whole: all its refs, all its objects in one pack, and its upkeep."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ops.errors import Failed
from ops.plumbing import Plumbing

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
        name = self._git.line("pack-objects", *flags, str(target), stdin=asked)
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
        self._git.call("index-pack", str(place))

    def check_whole(self) -> None:
        """Raises Failed when a ref leads to an object that is not there."""
        code, _, err = self._git.attempt("rev-list", "--objects", "--all", "--quiet")
        if code != 0:
            said = err.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            raise Failed(f"the repository is not whole: {said[0]}", "restore another backup")

    def pack_refs(self) -> None:
        self._git.call("pack-refs", "--all")
