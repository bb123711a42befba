"""One bare, trusted repository: what main is, was, and becomes."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from ops import adoption
from ops.errors import Exit, Failed, Refused
from ops.plumbing import IDENTITY, Plumbing, last_line
from ops.records import FIELDS, Change, Entry, LogEntry, RefChange, changed, listed, log_entries
from ops.signing import Signer, parted

MAIN = "refs/heads/main"
NAME_CHARS_MAX = 250
CONFLICTS_SHOWN_MAX = 3
LOG_ENTRIES_MAX = 100_000
ZERO = "0" * 40
OID = re.compile(r"[0-9a-f]{40}")


def check_name(name: str) -> str:
    """`name` if it can be a ref or revision a person typed. Raises Refused."""
    odd = any(unicodedata.category(char).startswith("C") or char.isspace() for char in name)
    bad = name.startswith("-") or "@{" in name or ".." in name or name.endswith(".lock")
    if not name or odd or bad or len(name) > NAME_CHARS_MAX:
        raise Refused(f"{name!r} is no name of a commit", "name a tag, a branch or a commit")
    return name


class History:
    """Writes are plumbing; refs move from their old values, together or not at all."""

    def __init__(self, repo: Path) -> None:
        self.repo = repo
        self.signer: Signer | None = None  # whose key signs merges, restores and tags
        self._git = Plumbing(repo)

    @classmethod
    def create(cls, repo: Path) -> Self:
        """An empty bare repository with main as its head; one that exists is kept."""
        repo.mkdir(parents=True, exist_ok=True)
        Plumbing(repo).call("init", "--quiet", "--bare", "--initial-branch=main", str(repo))
        return cls(repo)

    def adopt(self, source: Path) -> str:
        """Take HEAD of a person's own repo as main; gives the commit. Raises Refused."""
        folder, commit = adoption.head(source)
        refspec = f"{commit}:{MAIN}"
        self._git.call(
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(folder), refspec
        )
        return commit

    # Reading

    def resolve(self, name: str) -> str:
        """The full id of a commit. Raises Refused (no such thing)."""
        check_name(name)
        argv = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        code, out, _ = self._git.attempt(*argv)
        if code != 0:
            raise Refused(
                f"no such commit, tag or branch: {name}", "see: orgctl candidates", Exit.ABSENT
            )
        return out.decode().strip()

    def find(self, ref: str) -> str | None:
        """What a full ref names, not peeled; None when there is no such ref."""
        code, out, _ = self._git.attempt(
            "rev-parse", "--verify", "--quiet", "--end-of-options", ref
        )
        return out.decode().strip() if code == 0 else None

    def has(self, commit: str) -> bool:
        """Whether the object is there, whole or not."""
        return self._git.attempt("cat-file", "-e", f"{commit}^{{commit}}")[0] == 0

    def refs(self, *prefixes: str) -> dict[str, str]:
        """Full ref -> commit, for all refs below the prefixes, in one call."""
        form = "%(refname)%00%(objectname)%00%(*objectname)"
        out = self._git.call("for-each-ref", f"--format={form}", *prefixes).decode()
        rows = (line.split("\0") for line in out.splitlines())
        return {ref: peeled or oid for ref, oid, peeled in rows}

    def tree(self, commit: str) -> str:
        return self._git.line("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")

    def parents(self, commit: str) -> tuple[str, ...]:
        return self.entry(commit).parents

    def message(self, commit: str) -> str:
        return self._git.call("show", "-s", "--format=%B", "--end-of-options", commit).decode()

    def trailers(self, commit: str) -> dict[str, str]:
        return self.entry(commit).trailers

    def when(self, commit: str) -> int:
        return self.entry(commit).when

    def entry(self, commit: str) -> LogEntry:
        return self.log(commit, limit=1)[0]

    def log(
        self, tip: str, first_parent: bool = True, limit: int = LOG_ENTRIES_MAX
    ) -> tuple[LogEntry, ...]:
        """Newest first, in one call."""
        flags = ["--first-parent"] if first_parent else []
        form = f"--format={FIELDS}"
        out = self._git.call(
            "log", "-z", *flags, f"--max-count={limit}", form, "--end-of-options", tip
        )
        return log_entries(out)

    def entries(self, commits: Sequence[str]) -> tuple[LogEntry, ...]:
        """Each of them, in one call."""
        if not commits:
            return ()
        form = f"--format={FIELDS}"
        stdin = "".join(f"{commit}\n" for commit in dict.fromkeys(commits)).encode()
        out = self._git.call("log", "-z", "--no-walk=unsorted", form, "--stdin", stdin=stdin)
        return log_entries(out)

    def read(self, commit: str, path: str) -> bytes | None:
        code, out, _ = self._git.attempt("cat-file", "blob", f"{commit}:{path}")
        return out if code == 0 else None

    def listing(self, treeish: str) -> tuple[Entry, ...]:
        out = self._git.call("ls-tree", "-r", "-z", "--long", "--full-tree", treeish)
        return tuple(
            listed(row) for row in out.decode("utf-8", "surrogateescape").split("\0") if row
        )

    def blobs(self, oids: Sequence[str]) -> list[bytes]:
        """The bytes of each object, in one call. Raises Failed when one is not there."""
        out = self._git.call("cat-file", "--batch", stdin="".join(f"{o}\n" for o in oids).encode())
        found, at = [], 0
        for oid in oids:
            end = out.index(b"\n", at)
            said = out[at:end].split()
            if len(said) != 3:  # else it is `<oid> <kind> <size>`
                raise Failed(f"the object {oid} is missing", "restore a backup of the home")
            found.append(out[end + 1 : end + 1 + int(said[2])])
            at = end + int(said[2]) + 2
        return found

    def diff(self, old: str, new: str) -> str:
        """For people: every change as text, whatever attributes the tree holds."""
        flags = ("--text", "--no-ext-diff", "--no-textconv", "--no-color", "--find-renames")
        out = self._git.call("diff", *flags, "--end-of-options", old, new)
        return out.decode("utf-8", "replace")

    def changes(self, old: str, new: str) -> tuple[Change, ...]:
        flags = ("-r", "-z", "--raw", "--no-renames", "--no-abbrev")
        out = self._git.call("diff-tree", *flags, "--end-of-options", old, new)
        parts = out.decode("utf-8", "surrogateescape").split("\0")
        return tuple(
            changed(parts[at], parts[at + 1]) for at in range(0, len(parts) - 1, 2) if parts[at]
        )

    def is_ancestor(self, old: str, new: str) -> bool:
        return self._git.attempt("merge-base", "--is-ancestor", old, new)[0] == 0

    # Writing objects; no ref moves

    def commit(
        self, tree: str, parents: Sequence[str], message: str, when: int, signed: bool = False
    ) -> str:
        """A commit object, `signed` if there is a key; the same arguments give the same id."""
        flags = [part for parent in parents for part in ("-p", parent)]
        if signed and self.signer is not None:
            flags.append(f"-S{self.signer.key}")
        return self._git.line(
            "commit-tree", tree, *flags, "-F", "-", stdin=message.encode(), extra=_dates(when)
        )

    def merge(self, base: str, tip: str, message: str, when: int) -> str:
        """The merge of `tip` into `base`, made without a work tree. Raises Refused on conflicts."""
        code, out, err = self._git.attempt(
            "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", base, tip
        )
        parts = out.decode("utf-8", "replace").split("\0")
        if code == 1:
            names = ", ".join(sorted(filter(None, parts[1:]))[:CONFLICTS_SHOWN_MAX])
            text = f"it conflicts with main in {names}"
            raise Refused(text, "evolve again on the new main", Exit.JUDGED_NO)
        if code != 0 or not OID.fullmatch(parts[0].strip()):
            raise Failed(f"git merge-tree failed: {last_line(err)}", f"look at {self.repo}")
        return self.commit(parts[0].strip(), [base, tip], message, when, signed=True)

    def lacks_signature(self, commit: str) -> bool:
        """Whether it was made before there was a key to sign with."""
        return self.signer is not None and not parted(self.blobs([commit])[0])[1]

    def tag(self, name: str, target: str, message: str, when: int) -> str:
        """An annotated tag object; the ref is moved by `move`, with all others."""
        head = f"object {target}\ntype commit\ntag {name}\ntagger {IDENTITY} {when} +0000\n\n"
        text = (head + message).encode()
        seal = self.signer.sign(text) if self.signer is not None else b""
        return self._git.line("mktag", stdin=text + seal)

    def tag_message(self, ref: str) -> str:
        return self.tag_messages(ref)[ref]

    def tag_messages(self, prefix: str) -> dict[str, str]:
        """Full ref -> its message, for all annotated tags below `prefix`, in two calls."""
        texts = {ref: parted(raw)[0] for ref, raw in self.tags(prefix).items()}
        return {
            ref: text.decode("utf-8", "replace").split("\n\n", 1)[-1] for ref, text in texts.items()
        }

    def tags(self, *prefixes: str) -> dict[str, bytes]:
        """Full ref -> the whole object, for all annotated tags below, in two calls."""
        form = "%(objecttype) %(objectname) %(refname)"
        out = self._git.call("for-each-ref", f"--format={form}", *prefixes).decode()
        rows = [row.split(" ", 2)[1:] for row in out.splitlines() if row.startswith("tag ")]
        texts = self.blobs([oid for oid, _ in rows])
        return {ref: text for (_, ref), text in zip(rows, texts, strict=True)}

    def write_blobs(self, blobs: Mapping[str, bytes]) -> None:
        """Store those that are not there yet; the keys are their ids, and are checked."""
        asked = "".join(f"{oid}\n" for oid in blobs).encode()
        out = self._git.call("cat-file", "--batch-check", stdin=asked).decode()
        missing = [line.split()[0] for line in out.splitlines() if line.endswith(" missing")]
        if not missing:
            return
        rows = (b"blob\ndata %d\n%b\n" % (len(blobs[oid]), blobs[oid]) for oid in missing)
        self._git.call("fast-import", "--quiet", stdin=b"".join(rows))
        asked = "".join(f"{oid}\n" for oid in missing).encode()
        if b" missing\n" in self._git.call("cat-file", "--batch-check", stdin=asked):
            raise Failed("git stored a file under another name", f"look at {self.repo}")

    def write_tree(self, rows: Iterable[tuple[str, str, str]]) -> str:
        """A tree of (mode, blob, path) rows; git itself checks every path."""
        text = "".join(f"{mode} {oid}\t{path}\0" for mode, oid, path in rows)
        with tempfile.TemporaryDirectory(prefix="org-index-") as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            self._git.call("update-index", "-z", "--index-info", stdin=text.encode(), extra=index)
            return self._git.line("write-tree", extra=index)

    # Moving refs

    def move(self, changes: Sequence[RefChange]) -> None:
        """All of them or none, each from its old value. Raises Failed when another was faster."""
        rows = []
        for change in changes:
            old = change.old or ZERO
            verb = f"delete {change.ref}\0" if change.new is None else f"update {change.ref}\0"
            rows.append(verb + (f"{change.new}\0{old}\0" if change.new else f"{old}\0"))
        text = "start\0" + "".join(rows) + "prepare\0commit\0"
        code, _, err = self._git.attempt("update-ref", "--stdin", "-z", stdin=text.encode())
        if code != 0:
            named = ", ".join(change.ref for change in changes)
            raise Failed(
                f"{named} did not move: {last_line(err)}", "somebody else wrote; look again"
            )

    def note(self, ref: str, target: str, text: str) -> None:
        argv = ("notes", f"--ref={ref}", "add", "--force", "-F", "-", target)
        self._git.call(*argv, stdin=text.encode())

    def notes(self, ref: str, targets: Collection[str]) -> dict[str, str]:
        """Those of the targets that have one, in three calls."""
        if self.find(ref) is None:
            return {}
        named = {entry.path.replace("/", ""): entry.oid for entry in self.listing(ref)}
        there = [target for target in targets if target in named]
        texts = self.blobs([named[target] for target in there])
        return {
            oid: text.decode("utf-8", "replace") for oid, text in zip(there, texts, strict=True)
        }

    def read_note(self, ref: str, target: str) -> str | None:
        code, out, _ = self._git.attempt("notes", f"--ref={ref}", "show", target)
        return out.decode("utf-8", "replace") if code == 0 else None


def _dates(when: int) -> dict[str, str]:
    return {"GIT_AUTHOR_DATE": f"@{when} +0000", "GIT_COMMITTER_DATE": f"@{when} +0000"}
