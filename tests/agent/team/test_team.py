"""Members work beside each other, wait for what they build on, and show what they did."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.agent.messages import Message
from daemon.agent.providers import ModelFault, Provider, Reply
from daemon.agent.room.members import Seat
from daemon.agent.room.outfit import offered
from daemon.agent.team.plan import Plan
from daemon.agent.team.team import Team
from daemon.agent.team.work import Bench
from daemon.agent.workspace import Workspace
from tests.agent.powerless import powerless
from tests.agent.room.case import Told, says, seat
from tests.agent.team.test_plan import plan

Replies = Callable[[str], Reply]


class ByTask:
    """Answers by what the brief says, for members who speak at the same time."""

    def __init__(self, **replies: Any) -> None:
        self.replies = {name: list(several) for name, several in replies.items()}
        self.asked: list[str] = []

    def __call__(self, model: str, *_: Callable[..., None]) -> Provider:
        return self

    def reply(self, messages: list[Message], tools: Any) -> Reply:
        """The script of the subtask whose words come last in the conversation."""
        said = "\n".join(one.content for one in messages if one.role == "user")
        name = max(self.replies, key=lambda one: said.rfind(f"lead: do {one}"))
        self.asked.append(said)
        reply = self.replies[name].pop(0)
        if callable(reply):
            reply = reply()
        if isinstance(reply, ModelFault):
            raise reply
        assert isinstance(reply, Reply)
        return reply


def write(path: str, text: str) -> Reply:
    return says("", ("write_file", json.dumps({"path": path, "content": text})))


class Killed(BaseException):
    pass


def die() -> Reply:
    raise Killed


def team_of(folder: Path, scripts: Any, *seats: Seat) -> tuple[Team, Told]:
    told = Told()
    kept = folder.with_name("kept")
    for one in (folder, kept):
        one.mkdir(exist_ok=True)
    return Team(seats, Bench(scripts, lambda _: offered(None), told), told, folder, kept), told


def work(team: Team, found: Plan) -> bool:
    return asyncio.run(team.work(found))


def ends(told: Told) -> dict[str, str]:
    entries = [one["entry"] for one in told.of("said")]
    return {one["id"]: one["outcome"] for one in entries}


def test_independent_subtasks_overlap_and_join(tmp_path: Path) -> None:
    """Two are at work at once, or neither would ever answer; both results are in the workspace."""
    both = threading.Barrier(2, timeout=20)

    def meet() -> Reply:
        both.wait()
        return says("Done.")

    scripts = ByTask(a=[write("a.txt", "A"), meet], b=[write("b.txt", "B"), meet], c=[says("Saw.")])
    team, told = team_of(tmp_path / "w", scripts, seat("alice"), seat("bob"))
    assert work(team, plan(a=None, b=None, c={"on_success": ["a", "b"]}))
    assert ends(told) == {"a": "done", "b": "done", "c": "done"}
    assert (tmp_path / "w/a.txt").read_text() + (tmp_path / "w/b.txt").read_text() == "AB"
    assert "a: [done] Done." in scripts.asked[-1] and "b: [done] Done." in scripts.asked[-1]


def test_what_a_member_saw_cut_is_kept_whole(tmp_path: Path) -> None:
    """As evidence, apart for each start of a subtask; it is no part of the work."""
    code = json.dumps({"code": "print('x' * 9000)"})
    scripts = ByTask(a=[says("", ("python_run", code)), says("Done.")])
    team, _ = team_of(tmp_path / "w", scripts, seat("alice"))
    team.bench.shared = Workspace(tmp_path, kept=tmp_path)
    assert work(team, plan(a=None))
    (kept,) = tmp_path.glob("a-*/outputs/output-1.txt")
    assert kept.read_text() == "x" * 9000
    assert list((tmp_path / "w").iterdir()) == []


def test_branches_run_by_outcome(tmp_path: Path) -> None:
    """A failure starts what waits for it, skips what needed success; made up for, all is well."""
    fault = ModelFault("model_refused", "no")
    scripts = ByTask(a=[fault], mend=[write("m.txt", "x"), says("Mended.")], last=[says("Ok.")])
    team, told = team_of(tmp_path / "w", scripts, seat("alice"))
    found = plan(
        a=None, use={"on_success": ["a"]}, mend={"on_failure": ["a"]}, last={"after": ["a"]}
    )
    assert work(team, found)
    assert ends(told) == {"a": "failed", "use": "skipped", "mend": "done", "last": "done"}
    assert (tmp_path / "w/m.txt").exists()


def test_a_check_decides(tmp_path: Path) -> None:
    """Its output goes back once; what still fails has failed, and leaves nothing behind."""
    scripts = ByTask(
        a=[write("a.txt", "wrong"), says("I wrote a.txt."), write("a.txt", "right"), says("Now.")],
        b=[write("b.txt", "wrong"), says("There."), says("It is fine.")],
    )
    team, told = team_of(tmp_path / "w", scripts, seat("alice"))
    check = "grep right a.txt || { echo no right; exit 1; }"
    assert not work(team, plan(a={"check": check}, b={"check": check.replace("a.txt", "b.txt")}))
    assert ends(told) == {"a": "done", "b": "failed"}
    assert (tmp_path / "w/a.txt").read_text() == "right"
    assert not (tmp_path / "w/b.txt").exists()
    assert any("no right" in one for one in scripts.asked)


def test_a_clash_is_done_once_more(tmp_path: Path) -> None:
    """The later one in the plan works on top of the earlier."""
    scripts = ByTask(
        a=[write("f", "A\n"), says("Done.")],
        b=[write("f", "B\n"), says("Done."), write("f", "A\nB\n"), says("Joined.")],
    )
    team, _ = team_of(tmp_path / "w", scripts, seat("alice"), seat("bob"))
    assert work(team, plan(a=None, b=None))
    assert (tmp_path / "w/f").read_text() == "A\nB\n"


@pytest.mark.parametrize("waits", ["on_failure", "after"])
def test_nobody_builds_on_what_failed(tmp_path: Path, waits: str) -> None:
    """It is not joined, so it is not given either: what is done stands on its own."""
    scripts = ByTask(
        one=[write("lib.py", "x = 1\n"), says("Made."), says("It is made.")],
        two=[write("main.py", "import lib\n"), says("Made."), says("Made.")],
    )
    team, told = team_of(tmp_path / "w", scripts, seat("alice"))
    check = {"check": "python3 -c 'import sys; sys.path.insert(0, \".\"); import main'"}
    assert not work(team, plan(one={"check": "false"}, two={waits: ["one"], **check}))
    assert ends(told) == {"one": "failed", "two": "failed"}
    assert list((tmp_path / "w").iterdir()) == []
    assert "one: [failed; what it changed is not here]" in scripts.asked[-1]


@pytest.mark.parametrize(("waits", "how"), [("on_success", "skipped"), ("after", "done")])
def test_what_was_built_on_work_that_clashed_and_failed(
    tmp_path: Path, waits: str, how: str
) -> None:
    """It is done once more without it, or is not to be done."""
    scripts = ByTask(
        a=[write("f", "A\n"), says("Done.")],
        b=[write("f", "B\n"), write("lib", "x"), says("Done."), ModelFault("model_refused", "no")],
        c=[write("c", "on lib"), says("Done."), write("c", "alone"), says("Done.")],
    )
    team, told = team_of(tmp_path / "w", scripts, seat("alice"))
    assert not work(team, plan(a=None, b=None, c={waits: ["b"]}))
    assert ends(told) == {"a": "done", "b": "failed", "c": how}
    found = {one.name: one.read_text() for one in (tmp_path / "w").iterdir()}
    assert found == {"f": "A\n"} | ({"c": "alone"} if how == "done" else {})


def test_a_script_stays_one(tmp_path: Path) -> None:
    """In a member's copy, for its check, and in the workspace; after a crash, too."""
    made = says(
        "", ("sh", json.dumps({"command": "printf '#!/bin/sh\\n' > new.sh; chmod +x new.sh"}))
    )
    scripts = ByTask(a=[made, says("Done.")], b=[die])
    team, told = team_of(tmp_path / "w", scripts, seat("alice"))
    test = tmp_path / "w/test.sh"
    test.write_text("#!/bin/sh\n./new.sh\n")
    test.chmod(0o755)
    found = plan(a={"check": "./test.sh"}, b={"on_success": ["a"], "check": "./test.sh"})
    with pytest.raises(BaseExceptionGroup):
        work(team, found)
    assert ends(told) == {"a": "done"}
    second, _ = team_of(tmp_path / "w", ByTask(a=[], b=[says("Done.")]), seat("alice"))
    second.take_up([one["entry"] for one in told.of("said")])
    assert work(second, found)
    assert (tmp_path / "w/new.sh").stat().st_mode & 0o777 == 0o755


def test_files_that_nobody_can_read_fail_their_subtask_only(tmp_path: Path) -> None:
    """Left out they would stand for files that were removed; the others' work goes on."""
    hide = says("", ("sh", json.dumps({"command": "chmod 000 f"})))
    folder = says("", ("sh", json.dumps({"command": "chmod 000 d"})))
    scripts = ByTask(
        a=[hide, says("Done.")], b=[folder, says("Done.")], c=[write("c", "C"), says("Done.")]
    )
    team, told = team_of(tmp_path / "w", scripts, seat("alice"))
    (tmp_path / "w/d").mkdir()
    for name in ("f", "d/f"):
        (tmp_path / "w" / name).write_text("kept")
    with powerless():
        assert not work(team, plan(a=None, b=None, c=None))
    assert ends(told) == {"a": "failed", "b": "failed", "c": "done"}
    texts = {one["entry"]["id"]: one["entry"]["text"] for one in told.of("said")}
    assert texts["a"] == "f cannot be read: Permission denied"
    assert texts["b"] == "d cannot be read: Permission denied"
    assert (tmp_path / "w/f").read_text() == (tmp_path / "w/d/f").read_text() == "kept"
    assert (tmp_path / "w/c").read_text() == "C"


def test_a_subtask_that_breaks_ends_no_other(tmp_path: Path) -> None:
    team, told = team_of(tmp_path / "w", ByTask(a=[], b=[says("Done.")]), seat("alice"))
    assert not work(team, plan(a=None, b=None))
    assert ends(told) == {"a": "failed", "b": "done"}
    texts = {one["entry"]["id"]: one["entry"]["text"] for one in told.of("said")}
    assert "it broke: IndexError" in texts["a"]


def test_what_ended_is_not_done_again(tmp_path: Path) -> None:
    """After a crash the ends that were kept are taken up."""
    scripts = ByTask(a=[write("a.txt", "A"), says("Done.")], b=[die])
    team, told = team_of(tmp_path / "w", scripts, seat("alice"))
    found = plan(a=None, b={"on_success": ["a"]})
    with pytest.raises(BaseExceptionGroup):
        work(team, found)
    kept = [one["entry"] for one in told.of("said")]
    again = ByTask(a=[], b=[says("Went on.")])
    second, _ = team_of(tmp_path / "w", again, seat("alice"))
    second.take_up(kept)
    assert work(second, found)
    assert (tmp_path / "w/a.txt").read_text() == "A"


def test_much_work_is_not_lost_by_a_crash(tmp_path: Path) -> None:
    """An entry stays short, whatever was changed, and what it names is taken up whole."""
    big = "".join(f"line {number}\n" for number in range(200_000))
    copied = says("", ("sh", json.dumps({"command": "cat seed seed > copy"})))
    scripts = ByTask(a=[copied, says("Done.")], b=[die])
    team, told = team_of(tmp_path / "w", scripts, seat("alice"))
    (tmp_path / "w/seed").write_text(big)
    found = plan(a=None, b={"on_success": ["a"]})
    with pytest.raises(BaseExceptionGroup):
        work(team, found)
    kept = [one["entry"] for one in told.of("said")]
    assert kept[0]["outcome"] == "done" and len(json.dumps(kept)) < 4_000
    second, _ = team_of(tmp_path / "w", ByTask(a=[], b=[says("Went on.")]), seat("alice"))
    second.take_up(kept)
    assert work(second, found)
    assert (tmp_path / "w/copy").read_text() == big * 2


@pytest.mark.parametrize("how", ["gone", "torn", "another's", "not kept"])
def test_lost_work_is_told_and_done_again(tmp_path: Path, how: str) -> None:
    team, told = team_of(tmp_path / "w", ByTask(a=[write("f", "A"), says("Done.")]), seat("alice"))
    if how == "not kept":
        team.kept = tmp_path / "nowhere"
    assert work(team, plan(a=None))
    entry = told.of("said")[0]["entry"]
    assert ("cannot be kept" in entry["text"]) == (how == "not kept")
    for file in team.kept.glob("a-*.changes"):
        file.write_text({"torn": file.read_text()[:9], "another's": "{}"}.get(how, ""))
        if how == "gone":
            file.unlink()
    (tmp_path / "w/f").unlink()
    again = ByTask(a=[write("f", "B"), says("Done.")])
    second, told = team_of(tmp_path / "w", again, seat("alice"))
    second.take_up([entry])
    assert told.of("again")[0]["why"] == "what it changed is lost"
    assert work(second, plan(a=None))
    assert (tmp_path / "w/f").read_text() == "B"


def test_an_end_of_an_older_release_is_taken_up(tmp_path: Path) -> None:
    """Its changes stand in the entry."""
    changed = {"f": [None, base64.b64encode(b"A").decode()]}
    entry = {"kind": "end", "id": "a", "who": "alice", "outcome": "done", "text": "", "tokens": 1}
    team, _ = team_of(tmp_path / "w", ByTask(a=[]), seat("alice"))
    team.take_up([{**entry, "changed": changed}])
    assert work(team, plan(a=None))
    assert (tmp_path / "w/f").read_text() == "A"
