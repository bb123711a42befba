"""What a cell may not ask of the kernel: a filter for bubblewrap, as instructions of its BPF.

Why: namespaces leave a wide kernel within reach. io_uring goes round every filter, keyrings are
not of any namespace, vsock talks to the hypervisor past every firewall, and new namespaces give
back the capabilities that were taken away. Numbers: the kernel's syscall tables of both machines.

A cell that serves holds a socket of the host's network. Shut down, or accepted and disconnected,
it could be connected anywhere from there, or be given options that whoever serves next inherits.
So a stricter filter stands there. No filter sees an address, but its length: one of the internet
takes 16 bytes at least, so only what is shorter passes, as the broker's path in a cell is.
"""

from __future__ import annotations

import json
import os
import platform
import struct
from functools import cache
from typing import NamedTuple

REFUSED = {  # call: its number on x86_64, on aarch64
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pivot_root": (155, 41),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "userfaultfd": (323, 282),
}
CLONE, CLONE3, UNSHARE = (56, 220), (435, 435), (272, 97)
SOCKET, IOCTL = (41, 198), (16, 29)
CONNECT, BIND, SETSOCKOPT = (42, 203), (49, 200), (54, 208)
SENDING = {"sendto": ((44, 206), 3), "sendmsg": ((46, 211), 2), "sendmmsg": ((307, 269), 3)}

CLONE_NEWTIME = 0x80  # unshare only: for clone these bits are the signal of the end
CLONE_NEW = 0x20000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
FAMILIES = (1, 2, 10, 16)  # unix, internet 4 and 6, netlink (which lists interfaces)
ADDRESS_BYTES_MAX = 15  # sizeof(struct sockaddr_in) - 1
MSG_FASTOPEN = 0x20000000  # connects while it sends
OPTIONS = {  # level: its options that a server sets on its connections
    1: (2, 9),  # SO_REUSEADDR, SO_KEEPALIVE
    6: (1, 4, 5, 6),  # TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT
}
OPTION_MAX = 255  # for docker's profile, which lists what may not be
TYPING = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX: typing on somebody else's terminal

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_AT, MACHINE_AT, FIRST_AT, SECOND_AT, THIRD_AT = 0, 4, 16, 24, 32  # in struct seccomp_data
ARGUMENT_BYTES = 8
ALLOW, ERROR = 0x7FFF0000, 0x00050000
NOT_PERMITTED, NO_SUCH_CALL = ERROR | 1, ERROR | 38
X32_CALLS_FROM = 0x40000000


class Machine(NamedTuple):
    audit: int  # AUDIT_ARCH_*
    column: int  # in the tables above


MACHINES = {"x86_64": Machine(0xC000003E, 0), "aarch64": Machine(0xC00000B7, 1)}


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """One `struct sock_filter`; `yes` and `no` are how many steps to skip."""
    return struct.pack("=HBBI", code, yes, no, value)


def _answer(code: int, value: int, answer: int) -> bytes:
    """If the loaded word compares so, the call ends with this answer; else it goes on."""
    return _step(code, value, 0, 1) + _step(RETURN, answer)


def _unless(number: int, checks: bytes) -> bytes:
    """For this call alone, `checks` decide, and what they let pass is allowed."""
    whole = checks + _step(RETURN, ALLOW)
    return _step(EQUAL, number, 0, len(whole) // 8) + whole


def _with_flags(number: int, flags: int, argument: int = 0) -> bytes:
    flagged = _step(LOAD, FIRST_AT + argument * ARGUMENT_BYTES)
    return _unless(number, flagged + _answer(ANY_BIT, flags, NOT_PERMITTED))


def _families(number: int) -> bytes:
    checks = _step(LOAD, FIRST_AT)
    checks += b"".join(_answer(EQUAL, family, ALLOW) for family in FAMILIES)
    return _unless(number, checks + _step(RETURN, NOT_PERMITTED))


def _requests(number: int) -> bytes:
    checks = b"".join(_answer(EQUAL, request, NOT_PERMITTED) for request in TYPING)
    return _unless(number, _step(LOAD, SECOND_AT) + checks)


def _addresses(number: int) -> bytes:
    checks = _step(LOAD, THIRD_AT) + _answer(AT_LEAST, ADDRESS_BYTES_MAX + 1, NOT_PERMITTED)
    return _unless(number, checks)


def _options(number: int) -> bytes:
    checks = _step(LOAD, SECOND_AT)
    for level, options in OPTIONS.items():
        of_level = _step(LOAD, THIRD_AT)
        of_level += b"".join(_answer(EQUAL, option, ALLOW) for option in options)
        of_level += _step(RETURN, NOT_PERMITTED)
        checks += _step(EQUAL, level, 0, len(of_level) // 8) + of_level
    return _unless(number, checks + _step(RETURN, NOT_PERMITTED))


def _of_a_server(column: int) -> list[bytes]:
    sending = [_with_flags(at[column], MSG_FASTOPEN, nth) for at, nth in SENDING.values()]
    addressed = [_addresses(CONNECT[column]), _addresses(BIND[column])]
    return [*addressed, *sending, _options(SETSOCKOPT[column])]


@cache
def program(serves: bool = False, machine: str = platform.machine()) -> bytes:
    """The filter; empty on a machine that is not in the table, where the other walls stand alone.

    Calls of another architecture, and x32's, do not exist. clone3 does not either, as its flags
    lie in memory that no filter sees: libraries then use clone.
    """
    if machine not in MACHINES:
        return b""
    audit, column = MACHINES[machine]
    parts = [
        _step(LOAD, MACHINE_AT),
        _step(EQUAL, audit, 1, 0) + _step(RETURN, NO_SUCH_CALL),
        _step(LOAD, NUMBER_AT),
        _answer(AT_LEAST, X32_CALLS_FROM, NO_SUCH_CALL),
        _answer(EQUAL, CLONE3[column], NO_SUCH_CALL),
        *(_answer(EQUAL, numbers[column], NOT_PERMITTED) for numbers in REFUSED.values()),
        _with_flags(CLONE[column], CLONE_NEW),
        _with_flags(UNSHARE[column], CLONE_NEW | CLONE_NEWTIME),
        _families(SOCKET[column]),
        _requests(IOCTL[column]),
        *(_of_a_server(column) if serves else ()),
        _step(RETURN, ALLOW),
    ]
    return b"".join(parts)


def profile(serves: bool = False, machine: str = platform.machine()) -> str:
    """The same filter as docker's engine reads it (JSON); empty where there is none.

    Its rules for one argument stand beside each other, so what may be is told by what may not.
    """
    if machine not in MACHINES:
        return ""
    flags = [1 << bit for bit in range(32) if CLONE_NEW >> bit & 1]
    families = [number for number in range(max(FAMILIES)) if number not in FAMILIES]
    rules = [
        _rule([*REFUSED], 1),
        _rule(["clone3"], 38),
        *(_rule(["clone"], 1, _has(0, flag)) for flag in flags),
        *(_rule(["unshare"], 1, _has(0, flag)) for flag in (*flags, CLONE_NEWTIME)),
        *(_rule(["socket"], 1, _is(0, "SCMP_CMP_EQ", family)) for family in families),
        _rule(["socket"], 1, _is(0, "SCMP_CMP_GT", max(FAMILIES))),
        *(_rule(["ioctl"], 1, _low_half(1, request)) for request in TYPING),
        *(_server_rules() if serves else ()),
    ]
    return json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules})


def _server_rules() -> list[dict[str, object]]:
    rules = [_rule(["connect", "bind"], 1, _is(2, "SCMP_CMP_GT", ADDRESS_BYTES_MAX))]
    rules += [_rule([name], 1, _has(at, MSG_FASTOPEN)) for name, (_, at) in SENDING.items()]
    levels = [number for number in range(max(OPTIONS)) if number not in OPTIONS]
    barred = [_is(1, "SCMP_CMP_EQ", number) for number in levels]
    barred.append(_is(1, "SCMP_CMP_GT", max(OPTIONS)))
    rules += [_rule(["setsockopt"], 1, one) for one in barred]
    for level, options in OPTIONS.items():
        others = [number for number in range(OPTION_MAX) if number not in options]
        barred = [_is(2, "SCMP_CMP_EQ", number) for number in others]
        barred.append(_is(2, "SCMP_CMP_GE", OPTION_MAX))
        own = _is(1, "SCMP_CMP_EQ", level)
        rules += [_rule(["setsockopt"], 1, own, one) for one in barred]
    return rules


def _rule(names: list[str], number: int, *arguments: dict[str, object]) -> dict[str, object]:
    rule: dict[str, object] = {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": number}
    return rule | ({"args": list(arguments)} if arguments else {})


def _is(index: int, how: str, value: int) -> dict[str, object]:
    return {"index": index, "value": value, "op": how}


def _has(index: int, flag: int) -> dict[str, object]:
    return _is(index, "SCMP_CMP_MASKED_EQ", flag) | {"valueTwo": flag}


def _low_half(index: int, value: int) -> dict[str, object]:
    return _is(index, "SCMP_CMP_MASKED_EQ", 0xFFFFFFFF) | {"valueTwo": value}


def descriptor(serves: bool) -> int | None:
    """The filter in a memory file to hand on, to be closed by the caller; None when there is none.

    A new one each time: reading moves the offset that all its copies share.
    """
    wanted = program(serves)
    if not wanted:
        return None
    made = os.memfd_create("cell-filter")
    os.write(made, wanted)
    os.lseek(made, 0, os.SEEK_SET)
    return made
