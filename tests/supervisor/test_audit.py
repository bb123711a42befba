"""What is done to the history by another hand, verify names; what org did is never blamed."""

from __future__ import annotations

import json
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.core import release as releases
from daemon.state.sections import Signing
from daemon.supervisor import frozen, signing
from daemon.supervisor.audit import audit
from daemon.supervisor.rebuild import rebuild
from daemon.supervisor.world import World
from fitness.scorecard import Scorecard
from ops import rescue
from ops.errors import Refused
from ops.history import History
from ops.signing import BEGIN, Signer
from tests.journeys.instance import git
from tests.supervisor.grown import Grown, copy_of, grown

ROLLBACK = "refs/tags/rollback/1"


def a_key(path: Path) -> Path:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return path


def configure(made: Grown, key: Path | str, *allowed: Path) -> None:
    """As a person does it: in org.toml, with the public keys of before."""
    publics = [path.with_suffix(".pub").read_text().strip() for path in allowed]
    text = f'[signing]\nkey = "{key}"\nallowed = {json.dumps(publics)}\n'
    made.world.layout.settings.write_text(text)


def a_history(folder: Path, settings: str = "") -> Grown:
    """release/0 to release/2, a rejected candidate, and a return to release/1 with no daemon."""
    made = grown(folder, promoted=2, rejected=1, settings=settings)
    rescue.rollback(made.world.layout, None)
    made.world.journal.close()
    return made


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    return a_history(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_key(tmp_path_factory.mktemp("keys") / "key")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory, key: Path) -> Grown:
    return a_history(tmp_path_factory.mktemp("sealed"), f'[signing]\nkey = "{key}"\n')


def opened(made: Grown, folder: Path) -> Iterator[Grown]:
    copy = copy_of(made, folder)
    yield copy
    copy.world.journal.close()


@pytest.fixture
def made(plain: Grown, tmp_path: Path) -> Iterator[Grown]:
    yield from opened(plain, tmp_path)


@pytest.fixture
def signed(sealed: Grown, tmp_path: Path) -> Iterator[Grown]:
    yield from opened(sealed, tmp_path)


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


# What anybody who can write to the repository may do


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


@pytest.mark.parametrize(("tamper", "told"), TAMPERED, ids=[one[0].__name__ for one in TAMPERED])
def test_tampering_is_found(made: Grown, tamper: Callable[[Grown], object], told: str) -> None:
    """One sentence that names the commit or the tag; before it, there was nothing to find."""
    assert problems(made) == []
    tamper(made)
    assert told in "\n".join(problems(made))


def test_a_journal_from_git_agrees_with_git(made: Grown) -> None:
    """Also on releases whose branch and merge ref are no longer kept."""
    for ref in run(made, "for-each-ref", "--format=%(refname)", "refs/org/merges").split():
        run(made, "update-ref", "-d", ref)
    made.world.journal.close()
    made.world.layout.journal.unlink()
    assert problems(made) == []
    world = World.open(made.home)
    assert rebuild(world) == 3
    world.journal.close()
    assert problems(made) == []


def test_a_journal_that_cannot_be_read_is_a_problem(made: Grown) -> None:
    """Git is looked at all the same."""
    made.world.journal.close()
    made.world.layout.journal.write_bytes(b"no database at all, but something else")
    plain_commit(made)
    told = problems(made)
    assert "cannot be read" in told[0] and "neither a promotion" in told[1]


# With a key


def unsigned(made: Grown, ref: str) -> str:
    """The same tag without its signature; gives its name."""
    text = raw(made, ref).partition(BEGIN)[0]
    run(made, "update-ref", ref, stored(made, "tag", text))
    return ref


def resigned(made: Grown, ref: str) -> str:
    """The same tag, signed by a stranger."""
    tag = raw(made, ref).partition(BEGIN)[0]
    seal = Signer(a_key(made.home / "strange")).sign(tag)
    run(made, "update-ref", ref, stored(made, "tag", tag + seal))
    return ref


def unsigned_restore(made: Grown) -> str:
    """A return to release/1, as org made it, but by another hand."""
    main, tree = run(made, "rev-parse", "main^"), run(made, "rev-parse", "main^{tree}")
    text = made.world.history.message("main")
    commit = run(made, "commit-tree", tree, "-p", main, "-m", text)
    run(made, "update-ref", releases.MAIN, commit)
    run(made, "tag", "-f", "-a", "-m", text, "rollback/1", commit)
    return commit[:12]


@pytest.mark.parametrize(
    "forge",
    [
        lambda made: unsigned(made, "refs/tags/release/1"),
        lambda made: unsigned(made, ROLLBACK),
        lambda made: resigned(made, "refs/tags/release/2"),
        lambda made: forged_merge(made)[:12],
        unsigned_restore,
    ],
    ids=["unsigned tag", "unsigned rollback", "strange tag", "forged merge", "unsigned restore"],
)
def test_what_is_not_signed_is_named(signed: Grown, forge: Callable[[Grown], str]) -> None:
    """By its tag or commit; all that org made is signed, also with no daemon."""
    signing.begin(signed.world, signed.world.settings.signing)
    assert problems(signed) == []
    name = forge(signed)
    assert f"{name} is not signed by a key that is allowed to" in problems(signed)


def test_a_former_key_stays_good(signed: Grown, key: Path, tmp_path: Path) -> None:
    """When it is listed; without that its signatures are nobody's."""
    new = a_key(tmp_path / "new")
    configure(signed, new, key)
    assert problems(signed) == []
    configure(signed, new)
    assert len(problems(signed)) == 6  # two merges, a restore, and the tags of each


def test_without_a_key_nothing_is_asked(signed: Grown) -> None:
    """Signatures that are there do no harm."""
    signed.world.layout.settings.write_text("")
    unsigned(signed, ROLLBACK)
    assert problems(signed) == []


def test_a_key_that_is_gone_is_a_problem(signed: Grown, tmp_path: Path) -> None:
    """By its name; so is every signature that nobody can vouch for."""
    configure(signed, tmp_path / "gone")
    assert f"the signing key {tmp_path}/gone cannot be read" in problems(signed)[0]
    with pytest.raises(Refused, match="cannot be read"):
        signing.begin(signed.world, Signing(key=f"{tmp_path}/gone"))


def test_it_blames_nothing_that_is_under_way(made: Grown, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction moves main and a tag one after the other: a look between them is not taken."""
    whole, torn = History.refs, [True]

    def refs(history: History, *prefixes: str) -> dict[str, str]:
        found = whole(history, *prefixes)
        if releases.MAIN in found and torn and torn.pop():
            found[releases.MAIN] = history.parents(found[releases.MAIN])[0]
        return found

    monkeypatch.setattr(History, "refs", refs)
    assert problems(made) == []
    assert not torn


def test_the_way_back_waits_for_no_key(signed: Grown, tmp_path: Path) -> None:
    """With it gone, and no daemon to ask: it is taken, and verify says that nobody signed it."""
    world = signed.world
    world.history.signer = Signer(a_key(tmp_path / "lost"))
    (tmp_path / "lost").unlink()
    signing.or_without(world)
    assert world.history.signer is None
    assert "cannot be read" in str(frozen.why(world))
    configure(signed, tmp_path / "lost")
    assert rescue.rollback(world.layout, None)["tag"] == "rollback/2"
    assert any("cannot be read" in one for one in problems(signed))


def test_it_is_asked_from_the_day_it_began(made: Grown, key: Path) -> None:
    """What was there before stays as it was; what was between two keys too."""
    configure(made, key)
    signing.begin(made.world, Signing(key=str(key)))
    assert problems(made) == []
    rescue.rollback(made.world.layout, "release/2")
    assert problems(made) == []
    unsigned(made, "refs/tags/rollback/2")
    assert problems(made) == ["refs/tags/rollback/2 is not signed by a key that is allowed to"]
    signing.begin(made.world, Signing())
    signing.begin(made.world, Signing(key=str(key)))
    assert problems(made) == []


def test_a_lost_journal_hides_nothing(signed: Grown) -> None:
    """Signing began at the oldest signature that git has."""
    unsigned(signed, "refs/tags/release/2")
    signed.world.journal.set_fact(signing.SINCE, None)
    signing.begin(signed.world, signed.world.settings.signing)
    assert problems(signed) == ["refs/tags/release/2 is not signed by a key that is allowed to"]


def test_what_cannot_be_a_public_key_is_refused() -> None:
    """Before it stands in a file of allowed keys."""
    with pytest.raises(ValueError, match="is no public key"):
        Signing(allowed=("ssh-ed25519 AAAA\n* ssh-ed25519 BBBB",))
