"""What anybody who can write to the repository may do to its history, and what verify then says."""

from __future__ import annotations

import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

from daemon.core import release as releases
from daemon.supervisor.audit import audit
from fitness.scorecard import Scorecard
from tests.journeys.instance import git
from tests.supervisor.grown import Grown

ROLLBACK = "refs/tags/rollback/1"


def run(made: Grown, *arguments: str) -> str:
    return git(made.world.layout.repo, *arguments)


def stored(made: Grown, kind: str, raw: bytes) -> str:
    """An object exactly as it is said, as anybody can make one."""
    argv = ["git", "hash-object", "-t", kind, "-w", "--stdin"]
    done = subprocess.run(
        argv, cwd=made.world.layout.repo, input=raw, check=True, capture_output=True
    )
    return done.stdout.decode().strip()


def raw(made: Grown, name: str) -> bytes:
    return made.world.history.blobs([run(made, "rev-parse", name)])[0]


def problems(made: Grown) -> list[str]:
    found = audit(made.world.layout)
    assert found["ok"] is not bool(found["problems"])
    return list(found["problems"])


def plain_commit(made: Grown) -> None:
    tree = run(made, "rev-parse", "release/0^{tree}")
    commit = run(made, "commit-tree", tree, "-p", "main", "-m", "nothing to see")
    run(made, "update-ref", releases.MAIN, commit)


def commit_right_above_the_first(made: Grown) -> None:
    """Nothing else is on main, as in an instance that never promoted."""
    for ref in run(made, "for-each-ref", "--format=%(refname)", "refs/tags").split():
        if ref != releases.FIRST:
            run(made, "update-ref", "-d", ref)
    tree = run(made, "rev-parse", "main^{tree}")
    commit = run(made, "commit-tree", tree, "-p", made.released[0], "-m", "nothing to see")
    run(made, "update-ref", releases.MAIN, commit)


def moved_release_tag(made: Grown) -> None:
    run(made, "update-ref", "refs/tags/release/1", run(made, "rev-parse", "refs/tags/release/2"))


def remade_release_tag(made: Grown) -> None:
    run(made, "tag", "-f", "-a", "-m", "Release", "release/2", made.released[1])


def moved_rollback_tag(made: Grown) -> None:
    """Another tag by this name, with the very same words."""
    text = raw(made, ROLLBACK).replace(run(made, "rev-parse", "main").encode(), b"%s")
    forged = stored(made, "tag", text % made.released[2].encode())
    run(made, "update-ref", ROLLBACK, forged)


def rollback_tag_of_other_words(made: Grown) -> None:
    run(made, "tag", "-f", "-a", "-m", "Return to release/0", "rollback/1", "main")


def second_rollback_tag(made: Grown) -> None:
    run(made, "tag", "-a", "-m", "Return to release/1", "rollback/2", "main")


def forged_merge(made: Grown) -> str:
    """release/2 with the tree of release/0: parents, words, tag and note fit; on a new main."""
    run(made, "update-ref", "-d", ROLLBACK)
    old, tree = made.released[2], run(made, "rev-parse", "release/0^{tree}")
    text = raw(made, old).decode()
    forged = stored(made, "commit", text.replace(text.split()[1], tree, 1).encode())
    run(made, "notes", "--ref=scorecards", "copy", "-f", old, forged)
    tag = raw(made, "refs/tags/release/2").replace(old.encode(), forged.encode())
    run(made, "update-ref", "refs/tags/release/2", stored(made, "tag", tag))
    run(made, "update-ref", releases.MAIN, forged)
    return forged


def forged_merge_with_a_card_of_its_own(made: Grown) -> None:
    """Git alone tells one story; only the journal knows another."""
    forged = forged_merge(made)
    said = run(made, "notes", "--ref=scorecards", "show", forged)
    card = Scorecard.model_validate_json(said)
    own = card.model_copy(update={"commit": forged})
    run(made, "notes", "--ref=scorecards", "add", "-f", "-m", own.canonical(), forged)
    card = Scorecard.model_validate_json(run(made, "notes", "--ref=scorecards", "show", forged))
    old = Scorecard.model_validate_json(said).digest().encode()
    tag = raw(made, "refs/tags/release/2").replace(old, card.digest().encode())
    run(made, "update-ref", "refs/tags/release/2", stored(made, "tag", tag))


def restore_of_another_tree(made: Grown) -> None:
    tree = run(made, "rev-parse", "release/2^{tree}")
    text = made.world.history.message("main")
    commit = run(made, "commit-tree", tree, "-p", "main", "-m", text)
    run(made, "tag", "-a", "-m", text, "rollback/2", commit)
    run(made, "update-ref", releases.MAIN, commit)


def restore_without_a_tag(made: Grown) -> None:
    run(made, "update-ref", "-d", ROLLBACK)


def removed_note(made: Grown) -> None:
    run(made, "notes", "--ref=scorecards", "remove", made.released[1])


def rewound_main(made: Grown) -> None:
    """With all that would tell of it in git."""
    for ref in (ROLLBACK, "refs/tags/release/2"):
        run(made, "update-ref", "-d", ref)
    run(made, "update-ref", releases.MAIN, made.released[1])


def main_below_the_first(made: Grown) -> None:
    run(made, "update-ref", releases.FIRST, run(made, "rev-parse", "refs/tags/release/2"))
    run(made, "update-ref", releases.MAIN, made.released[1])


def turned_parents(made: Grown) -> None:
    """main reaches all that it did, by its second parents."""
    tree = run(made, "rev-parse", "main^{tree}")
    root = run(made, "commit-tree", tree, "-m", "root")
    run(
        made,
        "update-ref",
        releases.MAIN,
        run(made, "commit-tree", tree, "-p", root, "-p", "main", "-m", "x"),
    )


def other_bytes(made: Grown) -> None:
    """A file of release/1, changed where git keeps it."""
    oid = run(made, "rev-parse", "release/1:note.py")
    repo = made.world.layout.repo
    for pack in (repo / "objects/pack").glob("*.pack"):
        aside = Path(pack.rename(made.home / pack.name))
        with aside.open("rb") as packed:
            subprocess.run(["git", "unpack-objects", "-q"], cwd=repo, stdin=packed, check=True)
    loose = repo / "objects" / oid[:2] / oid[2:]
    loose.chmod(0o644)
    loose.write_bytes(zlib.compress(b"blob 5\0evil\n"))


TAMPERED: list[tuple[Callable[[Grown], object], str]] = [
    (plain_commit, "neither a promotion nor a return"),
    (commit_right_above_the_first, "neither a promotion nor a return"),
    (moved_release_tag, "refs/tags/release/1 is no tag that org made by this name"),
    (remade_release_tag, "refs/tags/release/2 names"),
    (moved_rollback_tag, "restores a release but has no rollback tag"),
    (rollback_tag_of_other_words, "restores another release than its tag says"),
    (second_rollback_tag, "refs/tags/rollback/2 names"),
    (forged_merge, "has a scorecard that does not accept it"),
    (forged_merge_with_a_card_of_its_own, "is not what the journal knows of candidate"),
    (restore_of_another_tree, "its tree is another"),
    (restore_without_a_tag, "has no rollback tag"),
    (removed_note, "has no scorecard"),
    (rewound_main, "refs/tags/release/2 is gone, and the journal knows it on"),
    (main_below_the_first, "main does not stand on refs/tags/release/0"),
    (turned_parents, "main does not stand on refs/tags/release/0"),
    (other_bytes, "git has something broken"),
]
