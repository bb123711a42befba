"""A goal that names no file is about the file that shares its words."""

from __future__ import annotations

import pytest

from daemon.core.aim import likely_file

FILES = {
    "app/words.py": "def count(text):\n    return len(text.split())\n",
    "app/store.py": "class Store:\n    def put(self, key): ...\n",
    "app/__init__.py": "",
    "tests/test_words.py": "from app.words import count\n",
    "README.md": "count store",
}


@pytest.mark.parametrize(
    ("goal", "file"),
    [
        ("Make count() linear", "app/words.py"),
        ("Let the Store forget its oldest key", "app/store.py"),
        ("Change app/store.py so that count is kept", "app/store.py"),
        ("Tidy words.py", "app/words.py"),
        ("Zzz", None),
    ],
)
def test_the_words_of_a_goal_point_to_a_file(goal: str, file: str | None) -> None:
    assert likely_file(goal, FILES) == file


def test_the_only_file_needs_no_words() -> None:
    assert likely_file("Zzz", {"a.py": "x = 1", "test_a.py": "", "tests/b.py": ""}) == "a.py"
    assert likely_file("Zzz", {}) is None
