"""A night in short: forty goals, a model that knows good, useless, harmful and hostile answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

from tests.journeys.instance import commit_all
from tests.journeys.service import SETTINGS
from tests.model_server import chunks, say
from tests.serving import Handler, serving

GOALS = 40
KINDS = ("good", "good", "useless", "harmful", "hostile", "good", "layout", "deadly")
HANGING = (19,)  # one is enough: it takes all the time that an author has
TOKENS_PER_CALL = 120
MODULE = '''"""Part {number}."""


def value():
    """What this part is worth."""
    return 1
'''
REPLIES = {
    "good": MODULE.replace("return 1", "return 2"),
    "useless": MODULE,
    "layout": MODULE.replace("return 1", "return  1  # two"),
    "harmful": MODULE.replace("return 1", "return 3"),
    "hostile": "import os\n\nos.write(5, b'{{}}') if False else os._exit(0)\n",
    "deadly": MODULE + "\n\nimport shutil\n\nshutil.rmtree('.', ignore_errors=True)\n",
    "hanging": MODULE + "\n\nwhile True:\n    pass\n",
}
SERVICE = '''"""Tells what its parts are worth, on the socket that it gets as descriptor 3."""

import importlib
import json
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VALUES = {{f"m{{n:02}}": importlib.import_module(f"m{{n:02}}").value() for n in range({goals})}}


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({{"status": "ok", "values": VALUES}}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Answers, bind_and_activate=False)
server.socket = socket.socket(fileno=3)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server.serve_forever()
'''
TEST = """import importlib
import unittest


class Parts(unittest.TestCase):
    def test_each_is_worth_something(self):
        for number in range({goals}):
            self.assertGreater(importlib.import_module(f"m{{number:02}}").value(), 0)


if __name__ == "__main__":
    unittest.main()
"""
HIDDEN = "from m{number:02} import value\n\n\ndef test_worth():\n    assert value() == 2\n"


def kind(number: int) -> str:
    return "hanging" if number in HANGING else KINDS[number % len(KINDS)]


def good() -> set[int]:
    return {number for number in range(GOALS) if kind(number) == "good"}


def make_repo(directory: Path) -> Path:
    directory.mkdir(parents=True)
    for number in range(GOALS):
        (directory / f"m{number:02}.py").write_text(MODULE.format(number=number))
    (directory / "service.py").write_text(SERVICE.format(goals=GOALS))
    (directory / "test_parts.py").write_text(TEST.format(goals=GOALS))
    (directory / "org.toml").write_text(SETTINGS)
    return commit_all(directory, "Parts", first=True)


def make_goals(directory: Path) -> Path:
    for number in range(GOALS):
        folder = directory / f"part{number:02}"
        (folder / "acceptance").mkdir(parents=True)
        (folder / "goal.txt").write_text(f"Let m{number:02}.py be worth 2\n")
        (folder / "module").write_text(f"m{number:02}.py\n")
        (folder / "goal.toml").write_text('protocol = "rewrite"\ntries = 1\n')
        hidden = HIDDEN.format(number=number)
        (folder / "acceptance" / f"test_hidden{number:02}.py").write_text(hidden)
    return directory


class Model(ThreadingHTTPServer):
    """Answers by the part that it is asked about, so it may be asked again after a crash."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, asked: list[int]) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.asked = asked


class _Handler(Handler):
    server: Model

    def do_GET(self) -> None:
        self.send(200, json.dumps({"data": [{"id": "scripted"}]}).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        found = re.search(r"Let m(\d\d)\.py", body)
        assert found is not None, body
        number = int(found[1])
        self.server.asked.append(number)
        text = REPLIES[kind(number)].format(number=number)
        told = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks(say(f"```python\n{text}```"))]
        whole = "".join(told) + "data: [DONE]\n\n"
        self.send(200, whole.encode(), "text/event-stream")


@contextmanager
def model(port: int, asked: list[int]) -> Iterator[None]:
    server = Model(port, asked)
    with serving(server):
        yield
