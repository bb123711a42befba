"""One ssh key signs merges, restores and tags: git itself finds them good, and always the same."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ops import doctor, preferences
from ops.errors import Refused
from ops.history import MAIN, History
from ops.layout import Layout
from ops.records import RefChange
from ops.signing import WHO, Signer, parted, unproved
from tests.ops.conftest import FILES, commit_of


def a_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    argv = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return path


@pytest.fixture
def signer(history: History, tmp_path: Path) -> Signer:
    found = Signer(a_key(tmp_path / "key"))
    history.signer = found
    return found


def merged(history: History) -> str:
    base = history.find(MAIN) or ""
    theirs = commit_of(history, FILES | {"src/a.py": b"A = 9\n"}, [base])
    return history.merge(base, theirs, "merge\n\nOrg-Candidate: c\n", 9)


def objects(history: History, *oids: str) -> dict[str, bytes]:
    return dict(zip(oids, history.blobs(oids), strict=True))


def test_git_finds_them_good(history: History, signer: Signer, tmp_path: Path) -> None:
    """`git verify-commit` and `git verify-tag` agree, with the public key as the only ally."""
    merge = merged(history)
    tag = history.tag("release/1", merge, "Release\n\nOrg-Verdict: x\n", 9)
    history.move([RefChange("refs/tags/release/1", tag, None)])
    (tmp_path / "allowed").write_text(f"{WHO} {signer.public()}\n")
    git = ["git", "-C", str(history.repo), "-c", f"gpg.ssh.allowedSignersFile={tmp_path}/allowed"]
    for verb, name in (("verify-commit", merge), ("verify-tag", "release/1")):
        done = subprocess.run([*git, verb, name], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "Good" in done.stderr, done.stderr
    assert history.tag_message("refs/tags/release/1") == "Release\n\nOrg-Verdict: x\n"
    assert history.trailers(merge) == {"Org-Candidate": "c"}
    assert unproved(objects(history, merge, tag), [signer.public()]) == []


def test_a_redo_has_the_same_name(history: History, signer: Signer) -> None:
    """A crash between a commit and its ref costs nothing: the second one is the first."""
    assert merged(history) == merged(history)
    tags = {history.tag("release/1", merged(history), "Release\n", 9) for _ in range(2)}
    assert len(tags) == 1


@pytest.mark.usefixtures("signer")
def test_authors_steps_are_not_signed(history: History) -> None:
    """Only what vouches for a release is: the steps of an author are nobody's word."""
    step = commit_of(history, FILES, [])
    assert history.lacks_signature(step)
    assert not history.lacks_signature(merged(history))


def test_what_is_not_proved_is_named(history: History, signer: Signer, tmp_path: Path) -> None:
    """Unsigned, signed by a stranger, or changed after it was signed."""
    good = merged(history)
    history.signer = Signer(a_key(tmp_path / "strange"))
    strange = merged(history)
    history.signer = None
    plain = merged(history)
    found = objects(history, good, strange, plain)
    found["changed"] = found[good].replace(b"\n\nmerge", b"\n\nforge")
    assert unproved(found, [signer.public()]) == [strange, plain, "changed"]
    assert unproved(found, []) == list(found)


def test_only_the_signature_is_parted(history: History, signer: Signer) -> None:
    """What was signed is the object as it would be without it, to the byte."""
    signed = merged(history)
    history.signer = None
    plain = merged(history)
    assert parted(history.blobs([signed])[0])[0] == history.blobs([plain])[0]


def readable(folder: Path) -> Path:
    a_key(folder / "open").chmod(0o640)
    return folder / "open"


def junk(folder: Path) -> Path:
    (folder / "junk").write_text("no key\n")
    (folder / "junk").chmod(0o600)
    return folder / "junk"


UNFIT: dict[str, Callable[[Path], Path]] = {
    "cannot be read: No such file": lambda folder: folder / "none",
    "can be read by others": readable,
    "has a passphrase": lambda folder: a_key(folder / "locked", passphrase="secret"),
    "is no private ssh key": junk,
    "is ssh-rsa, not ssh-ed25519": lambda folder: a_key(folder / "rsa", kind="rsa"),
    "is not named from the root": lambda _: Path("key"),
}


@pytest.mark.parametrize("why", UNFIT)
def test_an_unfit_key_is_refused(why: str, tmp_path: Path) -> None:
    """In one sentence that names it, with a next step."""
    with pytest.raises(Refused, match=why) as caught:
        Signer(UNFIT[why](tmp_path)).public()
    assert "\n" not in caught.value.message and caught.value.hint


def test_doctor_tells_of_a_key_that_is_configured(tmp_path: Path) -> None:
    """Nothing without one; whether it can sign with one, and what to do when it cannot."""
    layout = Layout(tmp_path)
    assert doctor.signing(layout) is None
    layout.settings.write_text(f'[signing]\nkey = "{a_key(tmp_path / "key")}"\n')
    told = doctor.signing(layout)
    assert told is not None and told.ok and str(tmp_path / "key") in told.detail
    (tmp_path / "key").chmod(0o644)
    bad = [one for one in doctor.examine(layout)["checks"] if one["name"] == "signing"]
    assert [(one["ok"], one["remedy"]) for one in bad] == [(False, f"chmod 600 {tmp_path}/key")]
    with pytest.raises(Refused):
        preferences.signer(layout)
