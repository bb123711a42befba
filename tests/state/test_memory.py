"""What is remembered is found again, by words and by meaning, also after a restart."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.agent.tools.remembering import MemoryDoor, memory_tools
from daemon.agent.workspace import Workspace
from daemon.state import embedding
from daemon.state.memory import TEXT_CHARS_MAX, Memories
from daemon.state.remember import STORED_MAX, Verbs, answer, serve
from ops.errors import Exit, Failed, Refused

FACTS = (
    "The car would not start this morning because the battery was flat.",
    "Error E1042 means the certificate chain is incomplete.",
    "Alice prefers short answers without bullet points.",
    "The nightly backup writes to the disk mounted at /srv/vault.",
    "The orders table has a unique index on customer and day.",
    "Meetings are on Tuesdays at ten, in the room with the green door.",
    "The build fails on Alpine since musl lacks the needed symbol.",
)


@pytest.fixture
def memories(tmp_path: Path) -> Iterator[Memories]:
    opened = Memories.open(tmp_path / "memory.db")
    for fact in FACTS:
        opened.store(fact, "you")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("query", "fact"),
    [("my automobile refused to turn on", 0), ("E1042", 1), ("overnight copies of data", 3)],
)
def test_a_paraphrase_and_an_identifier_come_first(
    memories: Memories, query: str, fact: int
) -> None:
    """No word in common, or one that only a search by words can know."""
    assert memories.search(query)[0].text == FACTS[fact]


def test_words_alone_do_not_find_the_paraphrase(memories: Memories) -> None:
    """It is the vectors that do; what fits nothing finds nothing."""
    assert memories.search("my automobile refused to turn on", way="text") == []
    assert memories.search("my automobile refused to turn on", way="vectors")[0].text == FACTS[0]
    assert memories.search("", way="text") == []


def test_queries_are_no_language_of_their_own(memories: Memories) -> None:
    """What FTS5 would read as an operator is a word here."""
    for query in ('"', "NOT *", "a AND (b", "text:x", "NEAR(", "'; DROP TABLE memory; --", "é\x00"):
        memories.search(query)
    assert len(memories.newest()) == len(FACTS)


def test_it_stays_after_a_restart_with_its_origin(tmp_path: Path) -> None:
    """On disk when store returns; once is enough; forgotten is gone from every search."""
    path = tmp_path / "memory.db"
    first = Memories.open(path)
    kept = first.store("The gate code is 4711.", "room plans, alice")
    assert first.store("The gate code is 4711.", "somebody else") == kept
    first.close()
    second = Memories.open(path)
    assert second.newest() == [kept]
    assert second.search("which number opens the gate")[0].origin == "room plans, alice"
    assert second.forget(kept.id) == kept
    assert second.search("4711") == [] and second.newest() == []
    with pytest.raises(Refused) as refused:
        second.forget(kept.id)
    assert refused.value.code is Exit.ABSENT
    assert second.store("another", "you").id != kept.id
    second.close()


def test_vectors_are_plain_numbers_of_the_model_in_use(memories: Memories, tmp_path: Path) -> None:
    """Raw floats, not pickles; those of another model are made anew before a search."""
    rows = memories.db.execute("SELECT vector FROM memory").fetchall()
    assert {len(vector) for (vector,) in rows} == {4 * embedding.DIMENSIONS}
    memories.db.execute("UPDATE memory SET model = 'older', vector = x'00'")
    assert memories.search("my automobile refused to turn on")[0].text == FACTS[0]


def test_what_cannot_be_kept_is_refused(memories: Memories, tmp_path: Path) -> None:
    """Nothing, too much, a file that is no memory, one of a newer org."""
    for text in ("  ", "x" * (TEXT_CHARS_MAX + 1)):
        with pytest.raises(Refused):
            memories.store(text, "you")
    (tmp_path / "rubbish.db").write_bytes(b"rubbish" * 1000)
    with pytest.raises(Failed, match="cannot be opened"):
        Memories.open(tmp_path / "rubbish.db")
    newer = sqlite3.connect(tmp_path / "newer.db")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(Refused, match="newer org"):
        Memories.open(tmp_path / "newer.db")


def test_a_cell_stores_and_searches_and_no_more(tmp_path: Path) -> None:
    """Its tools work over a line; it cannot forge an origin, forget, or flood."""
    inside, outside = socket.socketpair()

    def run() -> None:
        memories = Memories.open(tmp_path / "memory.db")
        serve(outside, memories, "room plans")
        memories.close()

    serving = threading.Thread(target=run)
    serving.start()
    door = MemoryDoor(inside)
    remember, recall = memory_tools(door, "alice")
    workspace = Workspace(tmp_path)
    assert remember.call({"text": FACTS[0]}, workspace).text == "remembered as m1"
    found = recall.call({"query": "my automobile refused to turn on"}, workspace)
    assert found.text == f"m1 (room plans, alice): {FACTS[0]}"
    assert not remember.call({"text": " "}, workspace).ok
    assert door.ask(do="store", text="x", who="you", origin="you")["origin"] == "room plans, you"
    assert "error" in door.ask(do="forget", id="m1")
    for limit in ("many", float("inf")):
        assert "error" in door.ask(do="search", limit=limit)
    inside.sendall(b"\xff\n")
    assert door.ask(do="search", query="x" * 2**16)["error"] == "that is too long for the memory"
    for _ in range(STORED_MAX):
        last = door.ask(do="store", text="again", who="a")
    assert "enough" in last["error"]
    inside.close()
    serving.join(10)
    assert not serving.is_alive()
    assert door.ask(do="search", query="x") == {"error": "the memory does not answer"}


def test_a_late_answer_is_nobodys(tmp_path: Path) -> None:
    """After a time-out each question has its own answer again, whatever was asked before."""
    inside, outside = socket.socketpair()
    inside.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**14)
    with inside, outside, outside.makefile("rwb") as stream:
        door = MemoryDoor(inside, answer_seconds=0.1)
        remember, recall = memory_tools(door, "alice")
        workspace = Workspace(tmp_path)
        for size in (1, 1, 60_000):  # of the last one only a part is sent
            assert "does not answer" in remember.call({"text": "x" * size}, workspace).text
        assert door.torn
        door.answer_seconds = 10.0
        verbs: Verbs = {
            "store": lambda _: {"id": "m1"},
            "search": lambda asked: {
                "memories": [{"id": asked["query"], "origin": "", "text": ""}]
            },
        }
        answering = threading.Thread(target=answer, args=(stream, verbs))
        answering.start()
        try:
            for query in ("one", "two"):
                assert recall.call({"query": query}, workspace).text.startswith(query)
        finally:
            inside.shutdown(socket.SHUT_WR)
            answering.join(10)


def test_a_line_that_is_no_question_has_one_answer() -> None:
    """However long it is, or deep; it takes no other question's place."""
    inside, outside = socket.socketpair()
    with inside, outside, inside.makefile("rb") as answers:
        for raw in (b"\xff", b"x" * 2**16, b"[" * 50_000):
            inside.sendall(raw + b"\n")
        inside.shutdown(socket.SHUT_WR)
        with outside.makefile("rwb") as stream:
            answer(stream, {})
        outside.shutdown(socket.SHUT_WR)
        found = [json.loads(raw) for raw in answers]
    assert [(one["error"], one["question"]) for one in found] == [("that is no request", None)] * 3
