"""A 40-line service that is not org, as a repo: what `orgctl init --repo` evolves in tests."""

from __future__ import annotations

from pathlib import Path

from tests.journeys.instance import commit_all

SERVICE = '''"""Counts words. Serves on the listening socket that it gets as descriptor 3."""

import json
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from words import count


class Server(ThreadingHTTPServer):
    daemon_threads = False  # who was answered half is answered whole before the end


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        found = {"status": "ok"} if self.path == "/up" else {"count": count(self.path)}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    server = Server(("127.0.0.1", 0), Answers, bind_and_activate=False)
    server.socket = socket.socket(fileno=3)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(0.05)
    server.server_close()


if __name__ == "__main__":
    main()
'''
WORDS = '''"""Counting."""


def count(path):
    """How many words `path` has, separated by slashes."""
    return len(path.split("/"))
'''
TEST = """import unittest

from words import count


class Counting(unittest.TestCase):
    def test_two_words(self):
        self.assertGreaterEqual(count("/a/b"), 2)


if __name__ == "__main__":
    unittest.main()
"""
SETTINGS = """[serve]
command = ["python3", "service.py"]
health = "/up"

[[gates]]
name = "tests"
command = ["python3", "-m", "unittest", "-q"]
limit_seconds = 30.0
"""
FILES = {"service.py": SERVICE, "words.py": WORDS, "test_words.py": TEST, "org.toml": SETTINGS}


def make(directory: Path) -> Path:
    directory.mkdir(parents=True)
    for name, text in FILES.items():
        (directory / name).write_text(text)
    return commit_all(directory, "Count words", first=True)
