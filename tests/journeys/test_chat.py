"""A chat with real processes: cells, doors, a terminal in tmux; only the models are scripted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.journeys import service
from tests.journeys.instance import Home, running
from tests.model_server import say, scripted_model

pytestmark = pytest.mark.journey


RULE = """[[files]]
name = "no-secrets"
why = "they are mine"
paths = ["*.secret"]
"""


def settings(base: str, more: str = "") -> str:
    return f'[model]\nbase = "{base}"\n{more}'


def test_personas_and_models_for_scripts(home: Home, tmp_path: Path) -> None:
    """Two agents on two models, tools in the cell, a transcript that another call goes on with."""
    (tmp_path / "bob.md").write_text("You count words.")
    probe = "import os,socket; print(os.listdir('/'), socket.socket().connect_ex(('127.0.0.1', 9)))"
    probe = f"print('x' * 9000); {probe}"
    replies = [
        say("I wrote it. @bob", write_file={"path": "a.txt", "content": "one two"}),
        say("", write_file={"path": "plans.secret", "content": "x"}),
        say("", remember={"text": "The gate code is 4711."}),
        say("Done, @bob."),
        say("", python_run={"code": probe}),
        say("Two words."),
        say("Thanks."),
        say("As I said: two."),
    ]
    with scripted_model(replies, ("big:120b", "small:8b")) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        with running(
            home, service.make(tmp_path / "service"), settings(base, 'name = "small:8b"\n')
        ):
            (home.path / "rules.toml").write_text(RULE)
            flags = ["--agent", "alice=big:120b", "--agent", "bob=small:8b", "--room", "two"]
            flags += ["--persona", f"bob=@{tmp_path}/bob.md", "--persona", "alice=You write."]
            found = home.ask("chat", *flags, "--say", "@alice write two words")
            told = [(one["who"], one["text"]) for one in found["messages"]]
            assert told[1:3] == [
                ("alice", "I wrote it. @bob\n\nDone, @bob."),
                ("bob", "Two words."),
            ]
            assert [one["model"] for one in model.asked[3:5]] == ["big:120b", "small:8b"]
            assert "You count words." in model.asked[4]["messages"][0]["content"]
            room = home.path / "state/rooms/two"
            assert (room / "workspace/a.txt").read_text() == "one two"
            assert "the rule no-secrets" in str(model.asked[2]["messages"][-1])
            printed = model.asked[5]["messages"][-1]["content"]
            whole = (room / "kept/outputs/output-1.txt").read_text()
            assert "all of it is kept as output-1.txt" in printed and "x" * 9000 in whole
            assert str(home.path) not in printed and "'workspace'" in printed
            assert not printed.rstrip().endswith(" 0")  # no network in there
            remembered = home.ask("memory", "search", "number that opens the door")
            assert remembered["memories"][0]["origin"] == "room two, alice"
            again = home.ask("chat", "--room", "two", "--say", "@bob how many?")
            assert again["messages"][-1]["text"] == "Thanks."
            assert "Two words." in str(model.asked[-1]["messages"])
            assert list((home.path / "run/cells").glob("chat-*")) == []
            plain = home.orgctl("chat", "--room", "two", "--say", "@bob again")
            assert plain.said.startswith("── bob · small:8b ──\n")
            assert "\x1b" not in plain.said


def test_what_is_known_of_models_and_the_web_reaches_the_room(home: Home, tmp_path: Path) -> None:
    """The context bounds what is asked; the web is on offer, and read, where it is allowed."""
    replies = [
        say("", webfetch={"url": "http://127.0.0.1:9/"}),
        say("", sh={"command": "printf 'word %.0s' $(seq 1600)"}),
        say("", sh={"command": "printf 'worm %.0s' $(seq 1600)"}),
        say("", todowrite={"todos": [{"text": "rest"}]}),
        say("Done."),
    ]
    more = 'context_tokens = 5000\n[fetch]\nallow = ["127.0.0.1:9"]\n'
    with scripted_model(replies) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        with running(home, service.make(tmp_path / "service"), settings(base, more)):
            found = home.ask("chat", "--room", "web", "--say", "look there")
    assert found["messages"][-1]["text"] == "Done."
    assert {"webfetch", "todowrite", "run_tests"} <= offered(model.asked[0])
    assert "error: " in model.asked[1]["messages"][-1]["content"]  # nobody listens there
    assert "no way to the web" not in model.asked[1]["messages"][-1]["content"]
    texts = [str(asked["messages"]) for asked in model.asked]
    assert max(map(len, texts)) < 5000 * 3


ROOM = """mode = "direct:bob"
tools = ["list_files"]
[agents.alice]
model = "big:120b"
[agents.bob]
model = "small:8b"
persona = "@bob.md"
"""


def test_a_file_furnishes_a_room_and_tools_are_shown_when_asked_for(
    home: Home, tmp_path: Path
) -> None:
    """Its members, personas, tools and mode; a flag wins over it."""
    (tmp_path / "room.toml").write_text(ROOM)
    (tmp_path / "bob.md").write_text("You count files.")
    look = say("", list_files={})
    replies = [look, say("There are none."), look, say("Still none.")]
    with scripted_model(replies, ("big:120b", "small:8b")) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        with running(
            home, service.make(tmp_path / "service"), settings(base, 'name = "small:8b"\n')
        ):
            file = ["chat", "--file", f"{tmp_path}/room.toml", "--say", "what is here?"]
            shown = home.orgctl(*file, "--room", "one", "--show-tools")
            assert (shown.code, shown.told) == (0, "")
            first = "── bob · small:8b ──\n── bob → list_files {} ──\n"
            assert shown.said == first + "no files\nThere are none.\n"
            assert {one["model"] for one in model.asked} == {"small:8b"}
            assert "You count files." in model.asked[0]["messages"][0]["content"]
            assert offered(model.asked[0]) == {"list_files"}
            hidden = home.orgctl(*file, "--room", "two", "--agent", "bob=big:120b")
            assert hidden.said == "── bob · big:120b ──\nStill none.\n"


SKILL = """import math

def circle(radius: float) -> str:
    \"\"\"The area of a circle, rounded.\"\"\"
    return f"about {math.pi * radius ** 2:.0f}"
"""
OWN = """from org import tool

@tool
def greet(name: str) -> str:
    \"\"\"Greet somebody.

    Args:
        name: who it is
    \"\"\"
    return f"Good day, {name}."
"""


def offered(asked: dict[str, Any]) -> set[str]:
    return {one["function"]["name"] for one in asked["tools"]}


def test_skills_and_namespaces(home: Home, tmp_path: Path) -> None:
    """A function becomes a tool within the turn, stays with its room, and is promoted for all."""
    replies = [
        say("", promote_skill={"code": SKILL}),
        say("", circle={"radius": 10}),
        say("About 314."),
        say("", greet={"name": "Ann"}),
        say("", sh={"command": "touch made"}),
        say("I may not."),
        say("Hello."),
    ]
    with scripted_model(replies) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        with running(home, service.make(tmp_path / "service"), settings(base)):
            home.ask("chat", "--room", "one", "--say", "how large is a circle of 10?")
            assert model.asked[2]["messages"][-1]["content"].startswith("about 314")
            (home.path / "tools").mkdir()
            (home.path / "tools/greet.py").write_text(OWN)
            (home.path / "tools/broken.py").write_text("def broken(:\n")
            listed = home.ask("skill", "list")
            named = {(one["name"], one["from"]) for one in listed["skills"]}
            assert named == {("circle", "room one"), ("greet", "tools")}
            assert "line 1" in listed["aside"][0]["why"]
            home.ask("skill", "promote", "circle", "--room", "one")
            assert home.orgctl("skill", "promote", str(home.path / "tools/broken.py")).code == 2
            assert "The area of a circle" in home.orgctl("skill", "show", "circle").said
            allow = ["--allow", "greet", "--allow", "read_*"]
            home.ask("namespace", "create", "polite", *allow)
            told = home.ask("chat", "--room", "two", "--namespace", "polite", "--say", "greet Ann")
            assert offered(model.asked[3]) == {"greet", "read_file"}
            assert model.asked[4]["messages"][-1]["content"].startswith("Good day, Ann.")
            assert "there is no tool sh" in model.asked[5]["messages"][-1]["content"]
            assert not (home.path / "state/rooms/two/workspace/made").exists()
            assert told["messages"][-1]["text"] == "I may not."
            home.ask("chat", "--room", "three", "--say", "hello")
            assert {"circle", "greet", "sh"} <= offered(model.asked[-1])
            assert home.orgctl("skill", "remove", "greet", "--yes").code == 2  # a user's own file
            home.ask("skill", "remove", "circle", "--yes")
            named = {(one["name"], one["from"]) for one in home.ask("skill", "list")["skills"]}
            assert named == {("circle", "room one"), ("greet", "tools")}
            assert home.orgctl("namespace", "create", "polite", "--allow", "sh").code == 2
            assert home.ask("namespace", "update", "polite", "--allow", "sh")["allow"] == ["sh"]
            told = home.orgctl("namespace", "show", "polite")
            assert (told.code, told.said) == (0, "namespace polite: sh\n")
            assert home.ask("namespace", "list")["namespaces"][0]["namespace"] == "polite"
            assert home.orgctl("namespace", "delete", "polite").code == 2
            home.ask("namespace", "delete", "polite", "--yes")
            assert home.orgctl("namespace", "show", "polite").code == 4


def test_the_memory_needs_no_daemon(home: Home, tmp_path: Path) -> None:
    """Store, search by other words, list, forget; forgetting asks."""
    assert home.orgctl("memory", "list").code == 2
    home.write_settings()
    home.ask("init", "--repo", str(service.make(tmp_path / "service")))
    kept = home.ask("memory", "store", "The battery of the car is flat.")
    assert home.orgctl("memory", "store", "--", "-v is for verbose").code == 0
    found = home.ask("memory", "search", "why does the automobile not start")["memories"]
    assert (found[0]["id"], found[0]["origin"]) == (kept["id"], "you")
    assert len(home.ask("memory", "list")["memories"]) == 2
    assert home.orgctl("memory", "forget", kept["id"]).code == 2
    home.ask("memory", "forget", kept["id"], "--yes")
    assert home.orgctl("memory", "forget", kept["id"], "--yes").code == 4
    assert "-v is for verbose" in home.orgctl("memory", "list").said


def test_what_a_chat_cannot_do_is_said(home: Home, tmp_path: Path) -> None:
    """No daemon, no such model, a persona of nobody, a folder that is not for agents."""
    home.write_settings()
    assert home.orgctl("chat", "--say", "hi").code == 5
    with scripted_model([]) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        repo = service.make(tmp_path / "service")
        with running(home, repo, settings(base)):
            refused = home.orgctl("chat", "--agent", "a=other", "--say", "hi")
            assert (refused.code, "there is: scripted" in refused.told) == (4, True)
            assert home.orgctl("chat", "--persona", "a=x", "--say", "hi").code == 2
            for folder in ("/", str(home.path), str(home.path.parent)):
                assert home.orgctl("chat", "--dir", folder, "--say", "hi").code == 2
            wrong = home.orgctl("chat", "--mode", "direct:nobody", "--say", "hi")
            assert (wrong.code, "nobody here is called nobody" in wrong.told) == (4, True)
            failed = home.orgctl("chat", "--say", "hi", "--json")
            assert failed.code == 1 and "the script is over" in failed.json["failures"][0]
            home.ask("down")
            told = home.orgctl("chat", "--say", "hi")
            assert told.code == 5 and "orgctl up" in told.told
