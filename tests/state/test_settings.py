"""Settings take precedence in the documented order, and a broken file is named to the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.state.settings import load, load_repo
from ops.errors import Refused
from ops.layout import Layout
from ops.preferences import endpoint


def test_defaults_need_no_file(tmp_path: Path) -> None:
    """An empty home has the documented ports."""
    settings = load(tmp_path)
    assert (settings.ports.current, settings.ports.candidate) == (7001, 7002)


def test_flags_beat_environment_beats_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """flags > environment > org.toml > defaults."""
    (tmp_path / "org.toml").write_text('[model]\nname = "file"\nbase = "http://file"\n')
    assert load(tmp_path).model.name == "file"
    monkeypatch.setenv("OLLAMA_MODEL", "environment")
    monkeypatch.setenv("ORG_PORTS__CURRENT", "8001")
    settings = load(tmp_path)
    assert (settings.model.name, settings.model.base) == ("environment", "http://file")
    assert settings.ports.current == 8001
    flagged = load(tmp_path, {"model": {"name": "flag"}, "ports": {"current": 9001}})
    assert (flagged.model.name, flagged.ports.current) == ("flag", 9001)


def test_ollamas_own_variable_names_the_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below flags and above files, for the daemon and for orgctl, which asks no daemon."""
    (tmp_path / "org.toml").write_text('[model]\nbase = "http://file"\n')
    assert (load(tmp_path).model.base, endpoint(Layout(tmp_path))) == ("http://file",) * 2
    monkeypatch.setenv("OLLAMA_BASE", "http://shell")
    assert (load(tmp_path).model.base, endpoint(Layout(tmp_path))) == ("http://shell",) * 2
    monkeypatch.setenv("ORG_MODEL__BASE", "http://org")
    assert load(tmp_path).model.base == endpoint(Layout(tmp_path))
    assert load(tmp_path, {"model": {"base": "http://flag"}}).model.base == "http://flag"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[ports]\ncurrent = 99999\n", "line 2: ports.current"),
        ("[ports]\nhost = '127.0.0.1'\ncurent = 7001\n", "line 3: ports.curent: is not a setting"),
        ("[prots]\ncurrent = 7001\n", "line 1: prots: is not a setting"),
        ("[ports\ncurrent = 1\n", "line 1"),
        ("a = 1\na = 2\n", "line 2"),
    ],
)
def test_a_broken_file_is_named_to_the_line(tmp_path: Path, text: str, said: str) -> None:
    """File, line and key, so that a person can go there."""
    path = tmp_path / "org.toml"
    path.write_text(text)
    with pytest.raises(Refused) as caught:
        load(tmp_path)
    assert str(path) in caught.value.message
    assert said in caught.value.message
    assert caught.value.hint


def test_a_repo_says_how_it_is_served_and_judged() -> None:
    """[serve] and [[gates]] of an evolved repo."""
    text = """
protected = ["check.sh", ".ci/run"]
[serve]
command = ["python3", "service.py"]
health = "/up"
[[gates]]
name = "tests"
command = ["python3", "-m", "unittest"]
"""
    found = load_repo(text, Path("org.toml"))
    assert found.serve.command == ("python3", "service.py")
    assert found.serve.health == "/up"
    assert [gate.name for gate in found.gates] == ["tests"]
    assert found.protected == ("check.sh", ".ci/run")
    with pytest.raises(Refused):
        load_repo("[serve]\ncomand = []\n", Path("org.toml"))
    for path in ("/etc", "..", "a/../..", "tests/", ""):
        with pytest.raises(Refused):
            load_repo(f'protected = ["{path}"]\n', Path("org.toml"))
