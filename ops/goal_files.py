"""Goals as files: one file or folder a goal, read alike from a disk and from a commit.

`NAME.toml` holds the fields; `NAME.txt` and `NAME.md` hold the text, whose first line is the goal;
a folder `NAME/` holds goal.txt or goal.toml, and perhaps `module` (the one file to change) and
`acceptance/` (pytest files that the author never sees).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ops.errors import Exit, Refused
from ops.files import read_bounded

FOLDER = "goals"
FILE_BYTES_MAX = 256 * 2**10
GOALS_MAX = 1000
TEXTS = (".txt", ".md")
Fields = dict[str, Any]


def read(files: Mapping[str, bytes]) -> dict[str, Fields]:
    """Name -> the goal's fields, from paths below the folder of goals. Raises Refused."""
    found: dict[str, Fields] = {}
    for name, below in apart(files).items():
        fields = _folder(name, below) if name not in below else _file(name, below[name])
        if fields is not None:
            found[PurePosixPath(name).stem if name in below else name] = fields
    return found


def apart(files: Mapping[str, bytes]) -> dict[str, dict[str, bytes]]:
    """What lies in the folder of goals, each file or folder of its own."""
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(files):
        found.setdefault(PurePosixPath(path).parts[0], {})[path] = files[path]
    return dict(list(found.items())[:GOALS_MAX])


def _file(name: str, data: bytes) -> Fields | None:
    suffix = PurePosixPath(name).suffix
    if suffix == ".toml":
        return _table(name, data)
    if suffix in TEXTS and PurePosixPath(name).stem.lower() != "readme":
        return {"text": _text(name, data)}
    return None


def _folder(name: str, files: Mapping[str, bytes]) -> Fields | None:
    fields: Fields = {}
    if (table := files.get(f"{name}/goal.toml")) is not None:
        fields |= _table(f"{name}/goal.toml", table)
    if (text := files.get(f"{name}/goal.txt")) is not None:
        fields["text"] = _text(f"{name}/goal.txt", text)
    if not fields:
        return None
    if (module := files.get(f"{name}/module")) is not None:
        fields["module"] = _text(f"{name}/module", module).strip()
    checks = {
        path.removeprefix(f"{name}/acceptance/"): _text(path, data)
        for path, data in files.items()
        if path.startswith(f"{name}/acceptance/") and "__pycache__" not in path
    }
    if checks:
        fields["acceptance"] = {"tests": True, "files": checks}
    return fields


def _table(name: str, data: bytes) -> Fields:
    try:
        return tomllib.loads(_text(name, data))
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"{name}: {error}", f"mend {name} and try again") from error


def _text(name: str, data: bytes) -> str:
    if len(data) > FILE_BYTES_MAX:
        raise Refused(f"{name} has more than {FILE_BYTES_MAX} bytes", "make it shorter")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"{name} is no UTF-8 text", f"mend {name} and try again") from error


def on_disk(path: Path) -> dict[str, Fields]:
    """The goals of one file, one goal's folder, or a folder of goals. Raises Refused."""
    if not path.exists():
        raise Refused(f"no file or folder {path}", "name one that holds goals", Exit.ABSENT)
    if path.is_file():
        found = read({path.name: _load(path)})
    elif (path / "goal.txt").is_file() or (path / "goal.toml").is_file():
        found = read(_walk(path, path.parent))
    else:
        found = read(_walk(path, path))
    if not found:
        text = "a goal is a .toml, .txt or .md file, or a folder with goal.txt"
        raise Refused(f"{path} holds no goal", text)
    return found


def _walk(folder: Path, root: Path) -> dict[str, bytes]:
    kept = [path for path in sorted(folder.rglob("*")) if _counts(path.relative_to(root))]
    return {str(path.relative_to(root)): _load(path) for path in kept if path.is_file()}


def _counts(inside: Path) -> bool:
    """What a goal is made of; the `repo/` beside a benchmark's goal is not."""
    parts = inside.parts
    return len(parts) < 3 or parts[1] == "acceptance"


def _load(path: Path) -> bytes:
    return read_bounded(path, FILE_BYTES_MAX + 1)
