"""What no allowed key signed, verify names; from the day that signing began, and no earlier."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.core import release as releases
from daemon.state.sections import Signing
from daemon.supervisor import frozen, signing
from ops import rescue
from ops.errors import Refused
from ops.signing import BEGIN, Signer
from tests.supervisor.grown import Grown, a_history, opened
from tests.supervisor.tampering import ROLLBACK, forged_merge, problems, raw, run, stored


def a_key(path: Path) -> Path:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return path


def configure(made: Grown, key: Path | str, *allowed: Path) -> None:
    """As a person does it: in org.toml, with the public keys of before."""
    publics = [path.with_suffix(".pub").read_text().strip() for path in allowed]
    text = f'[signing]\nkey = "{key}"\nallowed = {json.dumps(publics)}\n'
    made.world.layout.settings.write_text(text)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_key(tmp_path_factory.mktemp("keys") / "key")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory, key: Path) -> Grown:
    return a_history(tmp_path_factory.mktemp("sealed"), f'[signing]\nkey = "{key}"\n')


@pytest.fixture
def signed(sealed: Grown, tmp_path: Path) -> Iterator[Grown]:
    yield from opened(sealed, tmp_path)


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
