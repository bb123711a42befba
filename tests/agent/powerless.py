"""What a file's mode forbids is forbidden to us too, as it is to agents; also when we are root."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

VERSION_3 = 0x20080522
ANY_MODE = 0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
Header, Sets = ctypes.c_uint32 * 2, ctypes.c_uint32 * 6
EFFECTIVE = 0  # of the first of two sets: effective, permitted, inheritable


@contextmanager
def powerless() -> Iterator[None]:
    """For this thread and those that it starts, until the end."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, before = Header(VERSION_3, 0), Sets()
    assert libc.capget(header, before) == 0
    less = Sets(*before)
    less[EFFECTIVE] &= ~ANY_MODE
    assert libc.capset(header, less) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0
