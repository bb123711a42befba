"""A function with types and a docstring is a tool at once; what is unfit is set aside."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from daemon.agent.skills.reading import Unfit, promoted, skills_in
from daemon.agent.skills.shelf import Shelf, promote
from daemon.agent.tools.promoting import promoting
from daemon.agent.workspace import Workspace

GOOD = '''
import math
from org import tool

SCALE = 2

@tool
def area(radius: float, digits: int = 2, unit: str | None = None) -> str:
    """The area of a circle.

    Args:
        radius: in the unit
        digits: how many to round to
    """
    return f"{round(math.pi * radius ** 2, digits)} {unit or ''}".strip()
'''
MARK = "@tool\n"
STYLES = (
    "Args:\n        word: what to say\n",
    ":param word: what to say\n",
    "Parameters\n    ----------\n    word : str\n        what to say\n",
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "work").mkdir()
    return Workspace(tmp_path / "work")


def test_types_and_docstring_make_the_schema() -> None:
    """Names, types, defaults and words stand in it; nothing was executed."""
    (skill,) = skills_in(GOOD + "\nraise SystemExit('this never runs')\n")
    schema = skill.arguments.model_json_schema()
    assert (skill.name, skill.purpose) == ("area", "The area of a circle.")
    assert schema["required"] == ["radius"]
    properties = schema["properties"]
    assert properties["radius"]["type"] == "number"
    assert properties["radius"]["description"] == "in the unit"
    assert properties["digits"]["default"] == 2
    assert {one["type"] for one in properties["unit"]["anyOf"]} == {"string", "null"}


@pytest.mark.parametrize("style", STYLES)
def test_every_common_docstring_is_read(style: str) -> None:
    source = f'{MARK}def say(word: str):\n    """Say it.\n\n    {style}    """\n'
    properties = skills_in(source)[0].arguments.model_json_schema()["properties"]
    assert properties["word"]["description"] == "what to say"


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        ("list[int]", {"type": "array", "items": {"type": "integer"}}),
        ("'dict[str, bool]'", {"type": "object", "additionalProperties": {"type": "boolean"}}),
        ("Literal['a', 'b']", {"enum": ["a", "b"], "type": "string"}),
        ("Optional[int]", {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        ("typing.Union[int, str]", {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        ("Annotated[float, 'x']", {"type": "number"}),
    ],
)
def test_types_are_told(annotation: str, kind: dict[str, object]) -> None:
    source = f'{MARK}def f(x: {annotation}):\n    """Do."""\n'
    found = skills_in(source)[0].arguments.model_json_schema()["properties"]["x"]
    assert {key: value for key, value in found.items() if key in kind} == kind


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def f(:\n", "line 1"),
        ("x = 1\n", "no function"),
        (f'{MARK}def f(x):\n    """Do."""\n', "x has no type"),
        (f"{MARK}def f(x: int):\n    return x\n", "no docstring"),
        (f'{MARK}def f(x: Thing):\n    """Do."""\n', "Thing is no type"),
        (f'{MARK}def f(*x: int):\n    """Do."""\n', "cannot be told"),
        (f'{MARK}def f(x: int = g()):\n    """Do."""\n', "no plain value"),
        (f'{MARK}def Shout(x: int):\n    """Do."""\n', "small letters"),
        (f'{MARK}def f(x: "{"list[" * 12}int{"]" * 12}"):\n    """Do."""\n', "nested too deep"),
        ("(" * 5000, "line 1"),
        ("x = '" + "a" * 70_000 + "'\n", "more than"),
    ],
)
def test_why_it_is_none_is_said(source: str, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        skills_in(source)


def test_a_call_runs_in_a_process_of_its_own(tmp_path: Path, workspace: Workspace) -> None:
    """Its result comes back; what it raises is told by its own lines; it cannot end us."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/area.py").write_text(GOOD)
    (tmp_path / "tools/odd.py").write_text(
        "import os, sys\n"
        f'{MARK}def divide(a: int, b: int) -> float:\n    """Divide."""\n    return a / b\n\n'
        f'{MARK}def leave() -> None:\n    """Leave."""\n    os._exit(7)\n\n'
        f'{MARK}async def later(n: int) -> dict:\n    """Later."""\n    return {{"n": [n]}}\n'
    )
    tools = {one.name: one for one in Shelf([tmp_path / "tools"]).tools()}
    assert tools["area"].call({"radius": 1.0, "unit": "m2"}, workspace).text == "3.14 m2"
    assert tools["area"].call({"radius": "wide"}, workspace).text.startswith("error: radius")
    broken = tools["divide"].call({"a": 1, "b": 0}, workspace)
    assert not broken.ok and "ZeroDivisionError" in broken.text and "a / b" in broken.text
    assert "runpy" not in broken.text and "skills/run.py" not in broken.text
    assert not tools["leave"].call({}, workspace).ok
    assert tools["later"].call({"n": 3}, workspace).text == '{"n": [3]}'


def test_new_files_are_there_at_the_next_look(tmp_path: Path) -> None:
    """And broken ones are set aside without harm to the others; no name is taken twice."""
    shelf = Shelf([tmp_path / "mine", tmp_path / "theirs"])
    assert shelf.tools() == ()
    for folder in ("mine", "theirs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "mine/area.py").write_text(GOOD)
    assert [one.name for one in shelf.tools()] == ["area"]
    (tmp_path / "theirs/area.py").write_text(GOOD)
    (tmp_path / "theirs/broken.py").write_text("def (")
    (tmp_path / "theirs/sh.py").write_text(f'{MARK}def sh(x: int):\n    """Mine."""\n')
    (tmp_path / "theirs/bytes.py").write_bytes(b"\xff\xfe")
    found, aside = shelf.look()
    assert list(found) == ["area"] and found["area"][0].parent.name == "mine"
    told = {one.path.name: one.why for one in aside}
    assert set(told) == {"area.py", "broken.py", "sh.py", "bytes.py"}
    assert "already" in told["sh.py"] and "line 1" in told["broken.py"]
    (tmp_path / "theirs/broken.py").write_text(GOOD.replace("area", "mended"))
    assert [one.name for one in shelf.tools()] == ["area", "mended"]


def test_promotion_is_canonical(tmp_path: Path, workspace: Workspace) -> None:
    """Marked when it was not, without what would run on loading; tidy stays tidy."""
    source = GOOD.replace("from org import tool\n", "").replace("@tool\n", "# a comment\n")
    untidy = source + "\nprint('side effect')\nrandom = open('/etc/passwd')\n"
    skill = promoted(untidy)
    assert "side effect" not in skill.source and "passwd" not in skill.source
    assert "SCALE = 2" in skill.source and "@tool" in skill.source
    assert promoted(skill.source).source == skill.source
    promote(untidy, tmp_path / "skills", workspace)
    assert (tmp_path / "skills/area.py").read_text() == skill.source
    assert [one.name for one in Shelf([tmp_path / "skills"]).tools()] == ["area"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (f'import not_there\n{MARK}def f():\n    """Do."""\n', "ModuleNotFoundError"),
        (f'{MARK}def sh():\n    """Do."""\n', "already"),
        ('def a():\n    """A."""\ndef b():\n    """B."""\n', "here is: a, b"),
    ],
)
def test_an_unfit_skill_is_not_kept(
    tmp_path: Path, workspace: Workspace, source: str, why: str
) -> None:
    """The agent is told why; the shelf stays as it was."""
    tool = promoting(tmp_path / "skills")
    result = tool.call({"code": source}, workspace)
    assert not result.ok and why in result.text
    assert list((tmp_path / "skills").glob("*")) == []
    assert sys.modules.get("not_there") is None
