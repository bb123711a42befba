"""A guest whose card leads out, into a network where nobody is but this program's listeners.

    unshare --net python -m tests.guest.open_net FOLDER IMAGE

Says `{"up": …}` when it is booted, and ends with its standard input: then it says who was reached.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from vm import life
from vm.qemu import Machine

ADDRESSES = (
    "1.1.1.1",
    "8.8.8.8",
    "169.254.169.254",
    "169.254.7.7",
    "192.168.56.1",
    "192.168.122.1",
    "172.17.0.1",
)
TCP = (22, 25, 53, 80, 443, 853, 11434, 11435)
UDP = (53, 123, 443)
REACHED: Counter[str] = Counter()


def main() -> None:
    for words in ("link set lo up", *(f"address add {one}/32 dev lo" for one in ADDRESSES)):
        subprocess.run(["ip", *words.split()], check=True)
    for one in nameservers():
        subprocess.run(["ip", "address", "add", f"{one}/32", "dev", "lo"], check=False)
    threading.Thread(target=listen, daemon=True).start()
    machine = Machine(Path(sys.argv[1]), Path(sys.argv[2]), (7001, 7002), "", restricted=False)
    machine.folder.mkdir(parents=True, exist_ok=True)
    try:
        print(json.dumps({"up": life.up(machine)}), flush=True)
        sys.stdin.read()
    finally:
        life.down(machine.folder, force=True)
    print(json.dumps({"reached": REACHED}))


def nameservers() -> list[str]:
    """Those of the host: QEMU's own DNS address leads to them."""
    rows = [row.split() for row in Path("/etc/resolv.conf").read_text().splitlines()]
    return [row[1] for row in rows if row[:1] == ["nameserver"] and ":" not in row[1]]


def listen() -> None:
    """Answer whoever comes, on every address that is here."""
    selector = selectors.DefaultSelector()
    for kind, ports in ((socket.SOCK_STREAM, TCP), (socket.SOCK_DGRAM, UDP)):
        for port in ports:
            bound = socket.socket(socket.AF_INET, kind)
            bound.bind(("0.0.0.0", port))
            if kind == socket.SOCK_STREAM:
                bound.listen()
            selector.register(bound, selectors.EVENT_READ, (kind, port))
    while True:
        for key, _ in selector.select():
            bound, (kind, port) = key.fileobj, key.data
            assert isinstance(bound, socket.socket)
            REACHED[f"{'tcp' if kind == socket.SOCK_STREAM else 'udp'} {port}"] += 1
            if kind == socket.SOCK_STREAM:
                bound.accept()[0].close()
            else:
                said, who = bound.recvfrom(2048)
                bound.sendto(said, who)


if __name__ == "__main__":
    main()
