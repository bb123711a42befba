"""The change touches only what a change may touch.

Why: a candidate that could edit its judge, plant a file that tests load by
themselves, or carry a secret out would win before anything else is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from fitness import approval
from fitness.policy import REPO_GOALS, REPO_JUDGE, ROOMS, mixed
from fitness.subject import Subject
from fitness.verdict import Verdict, failed, passed
from ops.records import Change

NAME = "paths"
QUESTION = "Does the change touch only what a change may touch?"
STAGE = "hygiene"
LIMIT_SECONDS = 30.0
SERVED = False
CHANGES_MAX = 2_000
BLOB_BYTES_MAX = 4 * 2**20
BATCH_BLOBS = 32
NOTHING = "000000"  # the mode of a side that is not there
PLAIN_MODES = frozenset({"100644", "100755", NOTHING})
# Python and pytest load these by themselves; only main may have them.
LOADED_UNASKED = frozenset(
    {
        "conftest.py",
        "sitecustomize.py",
        "usercustomize.py",
        "pytest.ini",
        ".pytest.ini",
        "pytest.toml",
        ".pytest.toml",
        "tox.ini",
        "setup.cfg",
    }
)
LOADED_SUFFIXES = (".pth", ".pyc", ".pyo", ".so", ".egg-link", ".egg-info", ".dist-info")
SECRETS = (
    re.compile(rb"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----"),
    re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    re.compile(rb"\bgh[pousr]_[A-Za-z0-9]{36}\b"),
    re.compile(rb"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32}"),
)


def judge(subject: Subject) -> Verdict:
    changes = subject.changes()
    if not changes:
        return _nothing(subject)
    if len(changes) > CHANGES_MAX:
        return failed(NAME, f"{len(changes)} files changed; the most is {CHANGES_MAX}")
    own = subject.job.kind == "org"
    protected = None if own else subject.job.protected
    for change in changes:
        reason = _kind(change) or (_planted(change) if own else _judging(change))
        if reason is not None:
            return failed(NAME, f"{change.path} {reason}", path=change.path)
    if own and (pair := mixed(change.path for change in changes)):
        text = f"{pair[0]} is protected and may not be changed together with {pair[1]}"
        return failed(NAME, text, protected=pair[0], other=pair[1])
    for change, old, new in _contents(subject, changes):
        if (reason := _content(old, new)) is not None:
            return failed(NAME, f"{change.path} {reason}", path=change.path)
    told = f"{len(changes)} files"
    asked = approval.asked(subject.history, subject.job.base, subject.commit, protected)
    told += f"; {asked}" if asked else ""
    return passed(NAME, told, paths=[change.path for change in changes])


def _nothing(subject: Subject) -> Verdict:
    """main judged against itself is fine; an author that changed nothing is not."""
    if subject.job.goal is None:
        return passed(NAME, "the same tree as main")
    return failed(NAME, "nothing was changed")


def _kind(change: Change) -> str | None:
    return None if change.new_mode in PLAIN_MODES else "is no plain file"


def _planted(change: Change) -> str | None:
    """What would run, or be taken for a library, without anybody importing it by its name."""
    if change.status == "D":
        return None
    pure = PurePosixPath(change.path)
    if pure.name in LOADED_UNASKED:
        how = "would be" if change.status == "A" else "is"
        return f"{how} loaded unasked, so a candidate may not write it"
    if any(part.endswith(LOADED_SUFFIXES) for part in pure.parts):
        return "would be loaded unasked, so a candidate may not write it"
    if pure.suffix == ".py" and pure.parts[0] not in ROOMS:
        return "lies outside the program's folders, where it could stand in for a library"
    return None


def _judging(change: Change) -> str | None:
    if change.path in REPO_JUDGE or change.path.startswith(REPO_GOALS):
        return "says how this repo is served and judged, so a candidate may not change it"
    return None


def _contents(
    subject: Subject, changes: tuple[Change, ...]
) -> Iterator[tuple[Change, bytes, bytes]]:
    """Each written file with its bytes before and after, a few at a time."""
    written = [change for change in changes if change.status != "D"]
    for at in range(0, len(written), BATCH_BLOBS):
        some = written[at : at + BATCH_BLOBS]
        known = [change.old for change in some if change.old_mode in PLAIN_MODES - {NOTHING}]
        oids = dict.fromkeys([*known, *(change.new for change in some)])
        blobs = dict(zip(oids, subject.history.blobs(list(oids)), strict=True))
        yield from ((change, blobs.get(change.old, b""), blobs[change.new]) for change in some)


def _content(old: bytes, new: bytes) -> str | None:
    if len(new) > BLOB_BYTES_MAX:
        return f"is larger than {BLOB_BYTES_MAX // 2**20} MiB"
    for secret in SECRETS:
        if set(secret.findall(new)) - set(secret.findall(old)):
            return "holds what looks like a secret key"
    return None
