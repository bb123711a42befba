"""Signatures of commits and tags by one ssh key, made and checked by OpenSSH's own ssh-keygen.

Only ed25519 keys sign: the same text always has the same signature, so that what is redone after
a crash has the same id.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ops.errors import Failed, Refused
from ops.run import run

KIND = "ssh-ed25519"
WHO = "org@localhost"
NAMESPACE = "git"  # what git's own signatures are for
CALL_SECONDS = 20.0
CHECKS_AT_ONCE = 2 * (os.cpu_count() or 1)
BEGIN = b"-----BEGIN SSH SIGNATURE-----\n"
HEADER = b"gpgsig "
REMEDY = "make one with: ssh-keygen -t ed25519 -N '' -f FILE; or clear signing.key"


@dataclass(frozen=True)
class Signer:
    """A private key file that only its owner can read, without a passphrase."""

    key: Path

    def public(self) -> str:
        """Its public part, as `ssh-ed25519 AAAA…`. Raises Refused when it cannot sign."""
        if shutil.which("ssh-keygen") is None:
            raise Refused("ssh-keygen is not installed", "apt-get install openssh-client")
        self._check_file()
        done = run(["ssh-keygen", "-y", "-P", "", "-f", str(self.key)], seconds=CALL_SECONDS)
        if done.code != 0:
            locked = b"passphrase" in done.stderr
            why = "has a passphrase" if locked else "is no private ssh key"
            raise Refused(f"the signing key {self.key} {why}", REMEDY)
        words = done.stdout.decode("utf-8", "replace").split()
        if words[0] != KIND:
            raise Refused(f"the signing key {self.key} is {words[0]}, not {KIND}", REMEDY)
        return " ".join(words[:2])

    def _check_file(self) -> None:
        if not self.key.is_absolute():
            raise Refused(f"the signing key {self.key} is not named from the root", "name it by /…")
        try:
            found = self.key.stat()
            self.key.open("rb").close()
        except OSError as error:
            text = f"the signing key {self.key} cannot be read: {error.strerror}"
            raise Refused(text, REMEDY) from error
        if stat.S_IMODE(found.st_mode) & 0o077:
            text = f"the signing key {self.key} can be read by others"
            raise Refused(text, f"chmod 600 {self.key}")

    def sign(self, text: bytes) -> bytes:
        """The signature that goes below `text`. Raises Failed."""
        argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(self.key)]
        done = run(argv, seconds=CALL_SECONDS, stdin=text)
        if done.code != 0:
            raise Failed(f"{self.key} does not sign: {done.last_line}", "see: orgctl doctor")
        return done.stdout


def parted(raw: bytes) -> tuple[bytes, bytes]:
    """What was signed, and its signature, of a tag or commit object; without one it is empty."""
    if raw.startswith(b"object "):
        text, mark, rest = raw.rpartition(b"\n" + BEGIN)
        return (text + b"\n", BEGIN + rest) if mark else (raw, b"")
    head, gap, body = raw.partition(b"\n\n")
    kept: list[bytes] = []
    seal: list[bytes] = []
    inside = False
    for line in head.split(b"\n"):
        inside = line.startswith(HEADER) or (inside and line.startswith(b" "))
        (seal if inside else kept).append(line)
    return b"\n".join(kept) + gap + body, b"".join(line.partition(b" ")[2] + b"\n" for line in seal)


def unproved(objects: Mapping[str, bytes], keys: Iterable[str]) -> list[str]:
    """The names of those objects that none of the public keys has signed."""
    with tempfile.TemporaryDirectory(prefix="org-signers-") as folder:
        allowed = Path(folder) / "allowed"
        allowed.write_text("".join(f'{WHO} namespaces="{NAMESPACE}" {key}\n' for key in keys))
        with ThreadPoolExecutor(CHECKS_AT_ONCE) as pool:
            proved = list(pool.map(partial(_proved, allowed), objects.values()))
    return [name for name, good in zip(objects, proved, strict=True) if not good]


def _proved(allowed: Path, raw: bytes) -> bool:
    text, seal = parted(raw)
    if not seal:
        return False
    with tempfile.NamedTemporaryFile(dir=allowed.parent) as file:
        file.write(seal)
        file.flush()
        who = ["-f", str(allowed), "-I", WHO, "-n", NAMESPACE]
        argv = ["ssh-keygen", "-Y", "verify", *who, "-s", file.name]
        return run(argv, seconds=CALL_SECONDS, stdin=text).code == 0
