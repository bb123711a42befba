"""Authors that leave trees, names and repositories which should hurt whoever reads them."""

from __future__ import annotations

import pytest

from tests.attacks.ground import Ground
from tests.attacks.table import shows

# Everything of git that runs a program when somebody trusts a repository.
PLANTS = """
mkdir -p .git/hooks .git/info .git/objects/info
for hook in post-checkout post-commit post-merge pre-commit reference-transaction update \
    post-index-change fsmonitor-watchman pre-auto-gc post-rewrite; do
    printf '#!/bin/sh\\ntouch FIRED\\n' >.git/hooks/$hook
    chmod +x .git/hooks/$hook
done
cat >.git/config <<'END'
[core]
    fsmonitor = touch FIRED
    sshCommand = touch FIRED
    pager = touch FIRED
    editor = touch FIRED
    hooksPath = .git/hooks
    alternateRefsCommand = touch FIRED
[filter "evil"]
    clean = touch FIRED
    smudge = touch FIRED
    required = true
[diff "evil"]
    command = touch FIRED
    textconv = touch FIRED
[merge "evil"]
    driver = touch FIRED
[gpg]
    program = touch FIRED
[include]
    path = ../evil.config
[alias]
    status = !touch FIRED
END
printf '[core]\\n\\tfsmonitor = touch FIRED\\n' >evil.config
printf '* filter=evil diff=evil merge=evil text eol=crlf ident export-subst\\n' >.gitattributes
printf '[submodule "x"]\\n\\tpath = x\\n\\turl = ext::sh -c touch%%20FIRED\\n' >.gitmodules
printf '/\\n' >.git/objects/info/alternates
printf 'ref: refs/heads/main\\n' >.git/HEAD
"""


@shows("C16")
def test_git_runs_nothing_that_an_author_planted(attacked: Ground) -> None:
    """Hooks, filters, drivers, includes, alternates: files go in as they are, and no more."""
    fired = attacked.home.path.parent / "fired"
    before = attacked.home.git("for-each-ref", "refs/heads/main", "refs/tags")
    told = attacked.evolved(PLANTS.replace("FIRED", str(fired)), "printf 'a\\r\\n$Id$\\n' >ends")
    head = f"cand/{told['candidate']}"
    assert attacked.home.orgctl("diff", str(told["candidate"])).code == 0
    assert attacked.home.orgctl("show", str(told["candidate"])).code == 0
    assert attacked.home.orgctl("verify").code == 0
    raw = attacked.home.path / "repo.git"
    assert attacked.home.git("cat-file", "blob", f"{head}:ends") in ("a\r\n$Id$", "a\n$Id$")
    names = attacked.home.git("ls-tree", "-r", "--name-only", head).split()
    assert not [name for name in names if name.startswith(".git/")]
    assert attacked.home.git("for-each-ref", "refs/heads/main", "refs/tags") == before
    assert not fired.exists()
    assert not (raw / "objects/info/alternates").exists()


TREES = {
    "a link out": ("ln -s /etc/passwd README2", "README2 is a symbolic link"),
    "a link up": ("ln -s ../../../.. up", "up is a symbolic link"),
    "another .git": ("mkdir -p daemon/.GIT && touch daemon/.GIT/config", "looks like a git folder"),
    "its look-alike": ("mkdir daemon/.g\u200cit && touch daemon/.g\u200cit/x", "invisible"),
    "a case clash": ("touch readme.MD README.md", "cannot be told from"),
    "a pipe": ("mkfifo daemon/pipe", "daemon/pipe is no plain file"),
    "setuid": ("touch s && chmod 4755 s", "has a special mode"),
    "a second name": ("ln README.md again", "has a second name"),
    "too many": (
        "mkdir m; python3 -c \"[open(f'm/{n}', 'w').close() for n in range(60000)]\"",
        "holds more than",
    ),
    "too deep": ("p=d; for i in $(seq 80); do mkdir $p && p=$p/d; done; touch $p/../x", "deeper"),
}


@shows("C17")
@pytest.mark.parametrize("name", TREES)
def test_a_tree_that_is_no_tree_is_refused_by_path(attacked: Ground, name: str) -> None:
    """Nothing of it reaches the repo's refs but what was imported before."""
    command, reason = TREES[name]
    told = attacked.evolved(command)
    assert told["outcome"] == "rejected", told
    shown = attacked.home.ask("show", told["candidate"])
    assert "the author's tree was refused" in shown["reason"]
    assert reason in shown["reason"], shown["reason"]


NAMES = [
    "../../etc/passwd",
    "main@{1}",
    "--upload-pack=touch",
    "a\x1b[2Jb",
    "x" * 5000,
    "",
    "HEAD^{/x}",
]


@shows("C18")
def test_names_that_are_commands_are_refused(attacked: Ground) -> None:
    """Every verb that takes a name: a sentence and a code, and no ref has moved."""
    before = attacked.home.git("for-each-ref")
    for name in NAMES:
        for verb in (("promote",), ("rollback", "--yes", "--to")):
            answered = attacked.home.orgctl(*verb, name)
            assert answered.code in (1, 2, 4), (verb, name, answered)
            assert "Traceback" not in answered.told
            assert "\x1b[2J" not in answered.told + answered.said
    for name in NAMES[:2]:
        assert attacked.home.orgctl("fitness", name, "--json").code in (2, 4)
    assert attacked.home.git("for-each-ref") == before


@shows("C18")
def test_an_author_moves_refs_in_its_copy_only(attacked: Ground) -> None:
    """Its own git is its own affair."""
    before = attacked.home.git("for-each-ref", "refs/tags", "refs/heads/main")
    command = """
git init -q -b main . ; git add README.md
git -c user.name=x -c user.email=x@y commit -q -m x
git tag -f release/0; git tag -f release/99; git branch -f cand/other; git update-ref -d HEAD
git push --force --mirror HOME/repo.git || echo refused
"""
    attacked.evolved(command.replace("HOME", str(attacked.home.path)), "touch conftest.py")
    after = attacked.home.git("for-each-ref", "refs/tags", "refs/heads/main")
    assert after == before
