"""Root acts on an instance of another user as that user, so that no file there becomes root's."""

from __future__ import annotations

import os
from pathlib import Path

from ops.layout import HOME_VARIABLE

ROOTS_OWN = frozenset({"up", "down", "doctor", "vm"})  # these act on the machine


def become(home: Path, argv: list[str]) -> None:
    """Does nothing for a user, for root's own instance, and before there is one."""
    verb = next((word for word in argv if not word.startswith("-")), "")
    if os.geteuid() != 0 or verb in ROOTS_OWN or not home.exists():
        return
    owner = home.stat().st_uid
    if owner == 0:
        return
    import pwd

    try:
        user = pwd.getpwuid(owner)
    except KeyError:
        return  # of a user whom this machine does not know: as root, or not at all
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(owner)
    os.environ |= {"HOME": user.pw_dir, "USER": user.pw_name, "SHELL": "/bin/sh"}
    os.environ[HOME_VARIABLE] = str(home)  # else it would be looked for in this user's own
