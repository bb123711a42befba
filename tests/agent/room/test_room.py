"""Who answers, who hears it, where it goes; and the person may take the word."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from daemon.agent.messages import Message
from daemon.agent.providers import ModelFault
from daemon.agent.room.mode import Mode, tagged
from daemon.agent.room.transcript import HEARD_CHARS_MAX, Entry, heard
from ops.errors import Refused
from tests.agent.room.case import Scripts, room_of, say, says, seat


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("hello", []),
        ("@bob hi", ["bob"]),
        ("ask @Carol, then @bob; @carol!", ["carol", "bob"]),
        ("@all of you", ["alice", "bob", "carol"]),
        ("mail bob@example.org or x/@bob", []),
        ("`@bob` and\n```\n@carol\n```\nand @alice", ["alice"]),
        ("@bobby @nobody", []),
    ],
)
def test_tags_call_members(text: str, called: list[str]) -> None:
    """By whole name, in order, each once; addresses and code call nobody."""
    assert tagged(text, ["alice", "bob", "carol"]) == called


@pytest.mark.parametrize("text", ["group", "direct:bob", "direct:qwen3:8b", "file:notes/a.md"])
def test_a_mode_reads_as_it_is_written(text: str) -> None:
    assert str(Mode.parse(text)) == text


@pytest.mark.parametrize("text", ["", "groups", "direct", "direct:", "file:", "group:x"])
def test_what_is_no_mode_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="no chat mode"):
        Mode.parse(text)


def test_in_a_group_all_answer_in_order_and_hear_each_other(tmp_path: Path) -> None:
    """Personas and models are each member's own; what one says, the next one hears."""
    scripts = Scripts(m_alice=[says("I say red.")], m_bob=[says("I say blue.")])
    seats = seat("alice", persona="You love red."), seat("bob", persona="You love blue.")
    room, told = room_of(tmp_path, scripts, *seats)
    say(room, "which colour?")
    assert told.said() == [
        ("you", "which colour?"),
        ("alice", "I say red."),
        ("bob", "I say blue."),
    ]
    system, asked = scripts.asked["m_bob"][0]
    assert "You are bob" in system.content and "You love blue." in system.content
    assert asked == Message(role="user", content="you: which colour?\n\nalice: I say red.")


def test_tags_route_and_members_call_each_other(tmp_path: Path) -> None:
    """Only who is called answers; a member's tag calls the next; it ends after some rounds."""
    scripts = Scripts(
        m_alice=[says("Ask @bob."), says("Thanks @bob, I see.")],
        m_bob=[says("It is 4, @alice.")] * 3,
        m_carol=[],
    )
    room, told = room_of(tmp_path, scripts, seat("alice"), seat("bob"), seat("carol"))
    say(room, "@alice what is 2+2?")
    assert [who for who, _ in told.said()] == ["you", "alice", "bob", "alice"]
    assert scripts.asked["m_carol"] == []


def test_direct_is_heard_by_one_only(tmp_path: Path) -> None:
    """By name or by model; the others never hear of it."""
    scripts = Scripts(
        m_alice=[says("A secret."), says("Public.")], m_bob=[says("Something public.")]
    )
    room, told = room_of(tmp_path, scripts, seat("alice"), seat("bob"))
    room.chat_mode("direct:m_alice")
    say(room, "tell me a secret")
    assert [who for who, _ in told.said()] == ["you", "alice"]
    room.chat_mode("group")
    say(room, "tell us something")
    heard_by_bob = str(scripts.asked["m_bob"])
    assert "Public." in heard_by_bob
    assert "secret" not in heard_by_bob
    with pytest.raises(Refused, match="nobody here is called dave"):
        room.chat_mode("direct:dave")


def test_a_file_is_written_inside_the_workspace_only(tmp_path: Path) -> None:
    """The answer goes into the file, the room hears where; outside is refused."""
    scripts = Scripts(m_alice=[says("# Plan\nfirst"), says("x"), says("mine"), says("theirs")])
    room, told = room_of(tmp_path, scripts, seat("alice"))
    room.chat_mode("file:notes/plan.md")
    say(room, "write a plan")
    assert (tmp_path / "workspace/notes/plan.md").read_text() == "# Plan\nfirst\n"
    assert told.said()[-1] == ("alice", "wrote notes/plan.md: 2 lines")
    for path in ("../escape.md", "/etc/passwd", "link/x"):
        (tmp_path / "workspace/link").unlink(missing_ok=True)
        (tmp_path / "workspace/link").symlink_to(tmp_path)
        room.chat_mode(f"file:{path}")
        say(room, "again")
        assert told.of("said")[-1]["entry"]["kind"] == "failed"
    assert not (tmp_path / "escape.md").exists() and not (tmp_path / "x").exists()


def test_a_member_has_a_mode_of_its_own(tmp_path: Path) -> None:
    """AgentModel.chat_mode routes its next answers: to one member, or into a file."""
    scripts = Scripts(m_alice=[says("For bob."), says("kept")], m_bob=[], m_carol=[says("Hm.")])
    room, told = room_of(tmp_path, scripts, seat("alice"), seat("bob"), seat("carol"))
    room.members[0].chat_mode("direct:bob")
    say(room, "@alice speak", "@carol what did she say?")
    assert told.of("said")[1]["entry"]["to"] == ["bob"]
    assert "For bob." not in str(scripts.asked["m_carol"])
    room.members[0].chat_mode("file:a.txt")
    say(room, "@alice again")
    assert (tmp_path / "workspace/a.txt").read_text() == "kept\n"


def test_tools_run_and_their_output_stays_with_the_member(tmp_path: Path) -> None:
    """Declared and embedded calls run; others and the stream get the words around them."""
    embedded = 'Let me look.\n```json\n{"name": "read_file", "arguments": {"path": "a.txt"}}\n```'
    scripts = Scripts(
        m_alice=[
            says("", ("write_file", '{"path": "a.txt", "content": "deep thought"}')),
            says(embedded),
            says("It holds two words."),
        ],
        m_bob=[says("Good.")],
    )
    room, told = room_of(tmp_path, scripts, seat("alice"), seat("bob"))
    say(room, "look")
    assert [one["tool"] for one in told.of("call")] == ["write_file", "read_file"]
    assert told.of("result")[1]["text"] == "deep thought"
    assert ("alice", "Let me look.\n\nIt holds two words.") in told.said()
    streamed = "".join(one["text"] for one in told.of("delta"))
    assert "read_file" not in streamed
    assert "deep thought" not in str(scripts.asked["m_bob"])
    there = set(scripts.offered["m_alice"])
    assert {"run_tests", "todowrite"} <= there  # who talks ends by talking, and asks so
    assert not {"done", "question", "webfetch"} & there


def test_a_python_model_computes_and_sums_up(tmp_path: Path) -> None:
    """It has one tool; raw output reaches neither the room nor the summary."""
    code = '{"code": "print(*range(200)); print(sum(range(200)))"}'
    raw = " ".join(map(str, range(200)))
    scripts = Scripts(
        m_calc=[says("", ("python_run", code)), says(f"{raw}\nThe sum is 19900.")],
        m_bob=[says("Fine.")],
    )
    room, told = room_of(tmp_path, scripts, seat("calc", kind="python"), seat("bob"))
    say(room, "add the numbers below 200")
    assert scripts.offered["m_calc"] == ["python_run"]
    assert raw in str(scripts.asked["m_calc"][1])
    assert told.said()[1] == ("calc", "[raw output kept]\nThe sum is 19900.")
    assert raw not in str(told.of("result"))
    assert raw not in str(scripts.asked["m_bob"])


def test_a_model_that_fails_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    """The fault is an entry of its own, which no member is told of."""
    scripts = Scripts(
        m_alice=[ModelFault("model_timeout", "the model was silent")], m_bob=[says("I am here.")]
    )
    room, told = room_of(tmp_path, scripts, seat("alice"), seat("bob"))
    say(room, "hello")
    assert told.said()[1:] == [("alice", "the model was silent"), ("bob", "I am here.")]
    assert "silent" not in str(scripts.asked["m_bob"])


def test_a_member_that_breaks_is_told_and_the_rest_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It has failed, as a script sees; the others answer, and so do all to the next word."""
    scripts = Scripts(m_alice=[], m_bob=[says("I am here."), says("Still.")])
    room, told = room_of(tmp_path, scripts, seat("alice"), seat("bob"))
    say(room, "hello", "again")
    kinds = [one["entry"]["kind"] for one in told.of("said")]
    assert kinds == ["said", "failed", "said"] * 2
    assert "it broke: IndexError" in told.said()[1][1]
    assert capfd.readouterr().err.count("Traceback") == 2  # the log has the whole of it


def test_the_person_takes_the_word(tmp_path: Path) -> None:
    """Who speaks stops at once, who waits does not begin, and what was said is kept."""
    scripts = Scripts(m_alice=[threading.Event(), says("Go on.")], m_bob=[says("Yes.")])
    room, told = room_of(tmp_path, scripts, seat("alice"), seat("bob"))

    async def interject() -> None:
        saying = asyncio.create_task(room.say("speak"))
        await asyncio.to_thread(told.wait, "delta")
        room.interject()
        await saying
        await room.say("enough")

    asyncio.run(interject())
    kinds = [(one["entry"]["who"], one["entry"]["kind"]) for one in told.of("said")]
    assert kinds == [
        ("you", "said"),
        ("alice", "interrupted"),
        ("you", "said"),
        ("alice", "said"),
        ("bob", "said"),
    ]


def test_only_the_newest_is_heard_of_a_long_talk() -> None:
    """What is left out is counted; the newest is always there."""
    entries = [Entry(who="you", text=f"{n} " + "x" * 3_000) for n in range(30)]
    messages = heard(entries, "alice")
    assert messages[0].content.startswith("[")
    assert "29 xxx" in messages[-1].content
    assert sum(len(one.content) for one in messages) < HEARD_CHARS_MAX + 1_000


def test_a_claim_without_evidence_goes_back_once(tmp_path: Path) -> None:
    """Done then, it counts; claimed again, it is told as unproved, also to the others."""
    scripts = Scripts(
        m_alice=[
            says("I created a.txt."),
            says("", ("write_file", '{"path": "a.txt", "content": "x"}')),
            says("Now I created a.txt."),
            says("As said, I have written a.txt."),
        ],
        m_bob=[says("I ran the tests. All tests pass."), says("I ran the tests and they pass.")],
        m_carol=[says("Hm.")],
    )
    room, told = room_of(tmp_path, scripts, seat("alice"), seat("bob"), seat("carol"))
    say(room, "@alice make a.txt")
    assert "that a file was written" in scripts.asked["m_alice"][1][-1].content
    alice = told.of("said")[-1]["entry"]
    assert (alice["kind"], alice["text"]) == ("said", "Now I created a.txt.")
    say(room, "@bob test it", "@carol what now?", "@alice was it you?")
    kinds = {one["entry"]["who"]: one["entry"]["kind"] for one in told.of("said")}
    assert kinds == {"you": "said", "alice": "said", "bob": "unproved", "carol": "said"}
    assert "bob (without evidence): I ran the tests" in str(scripts.asked["m_carol"])


def test_a_look_at_a_test_is_no_run_of_it(tmp_path: Path) -> None:
    """Tests that pass are shown by running them, not by a command with their name in it."""
    look = says("", ("sh", '{"command": "echo test"}'))
    scripts = Scripts(m_alice=[look, says("All tests pass."), says("All tests pass.")])
    room, told = room_of(tmp_path, scripts, seat("alice"))
    say(room, "test it")
    assert told.of("said")[-1]["entry"]["kind"] == "unproved"


def test_one_who_cannot_stop_is_asked_for_a_last_word(tmp_path: Path) -> None:
    """Circling or out of steps: once more, without tools, and what it did counts."""
    look = says("", ("list_files", "{}"))
    scripts = Scripts(m_alice=[look] * 3 + [says("There is nothing here.")])
    room, told = room_of(tmp_path, scripts, seat("alice"))
    room.members[0].steps_max = 4
    say(room, "look around")
    assert told.said()[-1] == ("alice", "There is nothing here.")
    assert scripts.offered["m_alice"] == []
    assert "No more tools" in scripts.asked["m_alice"][-1][-1].content


def test_a_call_of_no_tool_goes_back(tmp_path: Path) -> None:
    """Told which tools there are; when it comes again it is no answer."""
    strange = '```json\n{"name": "bob", "arguments": {"path": "a"}}\n```'
    scripts = Scripts(m_alice=[says(strange), says("Fine."), says(strange), says(strange)])
    room, told = room_of(tmp_path, scripts, seat("alice"))
    say(room, "hello", "hello again")
    assert told.said()[1] == ("alice", "Fine.")
    assert "there is no tool bob" in scripts.asked["m_alice"][1][-1].content
    assert told.of("said")[-1]["entry"]["kind"] == "failed"
