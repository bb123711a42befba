"""Work done side by side joins in order, with what makes a file a program."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.agent.team.joining import (
    PROGRAM,
    Change,
    File,
    Unworkable,
    applied,
    changes,
    files_of,
    lay_out,
    packed,
    settle,
    unpacked,
)

TEXT = b"one\ntwo\nthree\nfour\nfive\n"
LINES = File(TEXT)


def lines(old: bytes, new: bytes, bits: int = 0) -> File:
    return File(TEXT.replace(old, new), bits)


def test_work_side_by_side_joins_by_lines() -> None:
    """What two changed in different lines is merged; the same line clashes; gone is gone."""
    top = changes({"f": LINES}, {"f": lines(b"one", b"ONE")})
    end = changes({"f": LINES}, {"f": lines(b"five", b"FIVE"), "new": File(b"\x00")})
    joined, conflicts = applied({"f": LINES}, [top, end])
    assert (joined["f"], conflicts) == (File(b"ONE\ntwo\nthree\nfour\nFIVE\n"), [])
    clash = changes({"f": LINES}, {"f": lines(b"one", b"EINS")})
    assert applied({"f": LINES}, [top, clash])[1] == ["f"]
    assert applied({"f": LINES}, [{"f": Change(LINES, None)}]) == ({}, [])
    assert applied({"f": LINES}, [top, {"f": Change(LINES, None)}])[1] == ["f"]


def test_bits_and_lines_are_merged_apart() -> None:
    """One makes it a program, another changes a line: both, in either order; binary ones too."""
    run = changes({"f": LINES}, {"f": File(TEXT, PROGRAM)})
    edit = changes({"f": LINES}, {"f": lines(b"two", b"TWO")})
    for several in ([run, edit], [edit, run]):
        assert applied({"f": LINES}, several) == ({"f": lines(b"two", b"TWO", PROGRAM)}, [])
    binary = File(b"\0\1")
    run = changes({"f": binary}, {"f": File(b"\0\1", PROGRAM)})
    edit = changes({"f": binary}, {"f": File(b"\0\2")})
    for several in ([run, edit], [edit, run]):
        assert applied({"f": binary}, several) == ({"f": File(b"\0\2", PROGRAM)}, [])


def test_a_folder_comes_back_as_it_was(tmp_path: Path) -> None:
    """Also over another one: a program is one, and what is none is not."""
    files = {"t.sh": File(b"#!/bin/sh\n", PROGRAM), "d/own.sh": File(b"x", 0o100), "f": File(b"")}
    lay_out(files, tmp_path)
    assert files_of(tmp_path) == files
    later = {"t.sh": File(b"#!/bin/sh\n"), "f": File(b"", PROGRAM), "new": File(b"y", PROGRAM)}
    settle(files, later, tmp_path)
    assert files_of(tmp_path) == later
    assert (tmp_path / "t.sh").stat().st_mode & 0o600 == 0o600


def test_a_file_takes_a_folders_place_and_back(tmp_path: Path) -> None:
    """Who is in the way is told; two who make both of one name have clashed."""
    file, folder = {"d": File(b"file")}, {"d/e/f": File(b"inside"), "d/g": File(b"too")}
    lay_out(file, tmp_path)
    for before, after in ((file, folder), (folder, file)):
        settle(before, after, tmp_path)
        assert files_of(tmp_path) == after
    assert applied({}, [changes({}, file), changes({}, folder)])[1] == ["d/e/f", "d/g"]
    (tmp_path / "h/.git").mkdir(parents=True)
    (tmp_path / "h/.git/HEAD").write_text("theirs")
    with pytest.raises(Unworkable, match="h cannot be changed"):
        settle({}, {"h": File(b"")}, tmp_path)


@pytest.mark.parametrize("was", [{}, {"link/a": File(b"theirs")}], ids=["written", "removed"])
def test_nothing_is_changed_through_a_link(tmp_path: Path, was: dict[str, File]) -> None:
    """A folder that a member made where the workspace has a link to somewhere else."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root, outside):
        folder.mkdir()
    (outside / "a").write_bytes(b"theirs")
    (root / "link").symlink_to(outside)
    with pytest.raises(Unworkable, match="link/a cannot be changed: a link leads there"):
        settle(was, {} if was else {"link/a": File(b"mine")}, root)
    assert (outside / "a").read_bytes() == b"theirs"


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    """What a link leads to stays what it is."""
    (tmp_path / "w").mkdir()
    (tmp_path / "outside").write_text("theirs")
    (tmp_path / "w/link").symlink_to(tmp_path / "outside")
    (tmp_path / "w/own").write_text("old")
    (tmp_path / "w/own").chmod(0o600)
    settle({"own": File(b"old")}, {"own": File(b"new"), "link": File(b"ours")}, tmp_path / "w")
    assert (tmp_path / "outside").read_text() == "theirs"
    assert (tmp_path / "w/link").read_text() == "ours"
    assert (tmp_path / "w/own").stat().st_mode & 0o777 == 0o600


def test_what_was_packed_without_bits_can_be_read() -> None:
    """And then a file stays the program that it is."""
    old, new = (base64.b64encode(one).decode() for one in (TEXT, TEXT.replace(b"one", b"ONE")))
    found = unpacked({"f": [old, new], "made": [None, new], "gone": [old, None]})
    assert found["made"].new == lines(b"one", b"ONE")
    start = {"f": File(TEXT, PROGRAM), "gone": LINES}
    joined, conflicts = applied(start, [found])
    assert (joined["f"], conflicts) == (lines(b"one", b"ONE", PROGRAM), [])
    assert "gone" not in joined


FILE = st.builds(File, st.binary(max_size=3), st.sampled_from([0, 0o100, PROGRAM]))
FILES = st.dictionaries(st.sampled_from("abc"), FILE)


@given(FILES, FILES)
def test_changes_lead_from_one_to_the_other(start: dict[str, File], end: dict[str, File]) -> None:
    """And nothing is lost on the way through JSON."""
    found = unpacked(packed(changes(start, end)))
    assert applied(start, [found]) == (end, [])
