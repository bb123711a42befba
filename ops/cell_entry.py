"""The first thing in a container that is handed descriptors: takes them, becomes the command.

Started as a script by path, with the cell's own interpreter: it names no module of org.
"""

from __future__ import annotations

import os
import socket
import sys

HAND_MAX = 32
HIGH_FD = 200  # above every number that is promised


def take(path: str, numbers: list[int]) -> None:
    """The descriptors that are handed over at `path`, under their promised numbers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as hand:
        hand.connect(path)
        _, taken, _, _ = socket.recv_fds(hand, 1, HAND_MAX)
    if len(taken) != len(numbers):
        sys.exit("the descriptors that were promised did not come")
    high = [os.dup2(one, HIGH_FD + at) for at, one in enumerate(taken)]
    for one in taken:
        os.close(one)
    for number, one in zip(numbers, high, strict=True):
        os.dup2(one, number, inheritable=True)
        os.close(one)


def main() -> None:
    path, numbers, argv = sys.argv[1], sys.argv[2], sys.argv[3:]
    take(path, [int(number) for number in numbers.split(",")])
    os.execvp(argv[0], argv)


if __name__ == "__main__":
    main()
