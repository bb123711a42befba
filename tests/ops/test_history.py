"""The trusted repo: same input, same commit; refs move together from their old values, or not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.errors import Exit, Failed, Refused
from ops.history import MAIN, History, check_name
from ops.records import RefChange
from tests.ops.conftest import FILES, commit_of


def main_of(history: History) -> str:
    found = history.find(MAIN)
    assert found is not None
    return found


def test_the_same_commit_has_the_same_name(history: History) -> None:
    """A redo after a crash makes no second commit."""
    tree = history.tree(main_of(history))
    made = [history.commit(tree, [main_of(history)], "same\n", 7) for _ in range(2)]
    assert made[0] == made[1]
    assert history.when(made[0]) == 7


def test_a_merge_needs_no_work_tree(history: History) -> None:
    """Both sides' changes are in the result, and its parents are main and the tip."""
    base = main_of(history)
    ours = commit_of(history, FILES | {"README": b"ours\n"}, [base])
    theirs = commit_of(history, FILES | {"src/a.py": b"A = 9\n"}, [base])
    merged = history.merge(ours, theirs, "merge\n\nOrg-Candidate: c\n", 9)
    assert history.parents(merged) == (ours, theirs)
    assert history.read(merged, "README") == b"ours\n"
    assert history.read(merged, "src/a.py") == b"A = 9\n"
    assert history.trailers(merged) == {"Org-Candidate": "c"}


def test_a_conflict_names_the_file(history: History) -> None:
    """Nothing is made, and the author is told where."""
    base = main_of(history)
    ours = commit_of(history, FILES | {"README": b"ours\n"}, [base])
    theirs = commit_of(history, FILES | {"README": b"theirs\n"}, [base])
    with pytest.raises(Refused, match="README"):
        history.merge(ours, theirs, "merge\n", 9)


def test_refs_move_together_or_not_at_all(history: History) -> None:
    """One stale old value, and neither main nor the tag has moved."""
    base = main_of(history)
    new = commit_of(history, FILES | {"README": b"new\n"}, [base])
    tag = history.tag("release/1", new, "Release\n", 1)
    stale = [RefChange("refs/tags/release/1", tag, None), RefChange(MAIN, new, new)]
    with pytest.raises(Failed, match="did not move"):
        history.move(stale)
    assert history.find("refs/tags/release/1") is None
    assert main_of(history) == base
    history.move([RefChange("refs/tags/release/1", tag, None), RefChange(MAIN, new, base)])
    assert history.refs("refs/tags/release/") == {"refs/tags/release/1": new}
    with pytest.raises(Failed):
        history.move([RefChange("refs/tags/release/1", tag, None)])
    history.move([RefChange("refs/tags/release/1", None, tag)])
    assert history.find("refs/tags/release/1") is None


def test_notes_and_tags_keep_their_text(history: History) -> None:
    """What is written is what is read, to the byte."""
    base = main_of(history)
    assert history.read_note("refs/notes/scorecards", base) is None
    history.note("refs/notes/scorecards", base, '{"a": 1}\n')
    history.note("refs/notes/scorecards", base, '{"a": 2}\n')
    assert history.read_note("refs/notes/scorecards", base) == '{"a": 2}\n'
    tag = history.tag("release/0", base, "Subject\n\nOrg-Verdict: x\n", 1)
    history.move([RefChange("refs/tags/release/0", tag, None)])
    assert history.tag_message("refs/tags/release/0") == "Subject\n\nOrg-Verdict: x\n"


def test_changes_are_told_by_path_and_mode(history: History) -> None:
    """Added, modified and deleted, with both modes."""
    base = main_of(history)
    files = {"README": b"new\n", "src/a.py": b"A = 1\n", "new": b"x"}
    found = history.changes(base, commit_of(history, files, [base]))
    assert {(one.path, one.status) for one in found} == {
        ("README", "M"),
        ("new", "A"),
        ("src/b.py", "D"),
    }


@pytest.mark.parametrize(
    "name",
    ["-x", "a..b", "main@{1}", "a\x07b", "a b", "", "x" * 300, "refs/heads/x.lock", "a\u202eb"],
)
def test_hostile_names_are_refused(name: str) -> None:
    """Nothing that git could read as an option, a range or a trick reaches it."""
    with pytest.raises(Refused):
        check_name(name)


def test_what_is_not_there_is_told(history: History) -> None:
    """Exit code 4: no such thing."""
    with pytest.raises(Refused) as caught:
        history.resolve("release/99")
    assert caught.value.code is Exit.ABSENT


@given(st.dictionaries(st.sampled_from(["a", "b/c", "b/d"]), st.binary(max_size=50), min_size=1))
def test_any_bytes_come_back(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    """Line ends, NULs, anything: what was stored is what is read."""
    history = History.create(tmp_path_factory.mktemp("any") / "repo.git")
    made = commit_of(history, files, [])
    assert {path: history.read(made, path) for path in files} == files
    assert history.blobs([one.oid for one in history.listing(made)]) == [
        files[one.path] for one in history.listing(made)
    ]


# A person's own repo


def checkout(folder: Path) -> Path:
    run = ["git", "-c", "user.name=x", "-c", "user.email=x@x", "-C", str(folder)]
    folder.mkdir()
    subprocess.run([*run, "init", "-q", "-b", "trunk"], check=True)
    (folder / "a").write_text("one\n")
    subprocess.run([*run, "add", "a"], check=True)
    subprocess.run([*run, "commit", "-q", "-m", "one"], check=True)
    return folder


def test_head_of_any_branch_is_adopted(tmp_path: Path) -> None:
    """Whatever the branch is called, its HEAD becomes main."""
    history = History.create(tmp_path / "repo.git")
    commit = history.adopt(checkout(tmp_path / "theirs"))
    assert history.find(MAIN) == commit
    assert history.read(commit, "a") == b"one\n"


def test_what_cannot_be_adopted_is_told_with_a_way_out(tmp_path: Path) -> None:
    """No repo, no commit, uncommitted changes, shallow: each by one sentence and a next step."""
    history = History.create(tmp_path / "repo.git")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refused, match="not a git repository"):
        history.adopt(tmp_path / "empty")
    subprocess.run(["git", "init", "-q", str(tmp_path / "born")], check=True)
    with pytest.raises(Refused, match="no commit yet"):
        history.adopt(tmp_path / "born")
    theirs = checkout(tmp_path / "theirs")
    (theirs / "a").write_text("two\n")
    with pytest.raises(Refused, match="not committed: a") as caught:
        history.adopt(theirs)
    assert caught.value.hint
    subprocess.run(["git", "-C", str(theirs), "checkout", "-q", "a"], check=True)
    shallow = tmp_path / "shallow"
    url = f"file://{theirs}"
    subprocess.run(["git", "clone", "-q", "--depth=1", url, str(shallow)], check=True)
    with pytest.raises(Refused, match="shallow"):
        history.adopt(shallow)
    assert history.find(MAIN) is None


def test_their_hooks_and_settings_do_not_run(tmp_path: Path) -> None:
    """A hook, an fsmonitor or an alias of the adopted repo is never executed."""
    theirs = checkout(tmp_path / "theirs")
    mark = tmp_path / "fired"
    script = theirs / ".git" / "hooks" / "post-checkout"
    script.write_text(f"#!/bin/sh\ntouch {mark}\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "diff.external"):
        subprocess.run(
            ["git", "-C", str(theirs), "config", key, f"touch {mark}; false"], check=True
        )
    History.create(tmp_path / "repo.git").adopt(theirs)
    assert not mark.exists()
