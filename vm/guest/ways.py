"""Tries to get out of the guest by every way we know, and says what came of each.

    python3 -I ways.py < /dev/null  →  {"way": {"out": bool, "said": "…"}, …}

Out is only what came back: a connection that was accepted, an answer that arrived. Runs with
Python alone, as any user, in the guest or in a cell of it.
"""

import errno
import json
import os
import socket
import struct
import subprocess
import threading
import time
import urllib.request
from http.client import HTTPException

SECONDS = 4.0
MODEL = ("10.0.2.100", 11434)
QUERY = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x01\0\x01"


def tcp(host, port, family=socket.AF_INET, source=0):
    def way():
        with socket.socket(family, socket.SOCK_STREAM) as line:
            line.settimeout(SECONDS)
            if source:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                line.bind(("", source))
            line.connect((host, port))
            return "connected"

    return way


def udp(host, port, data=QUERY, family=socket.AF_INET, broadcast=False):
    def way():
        with socket.socket(family, socket.SOCK_DGRAM) as line:
            line.settimeout(SECONDS)
            if broadcast:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            line.sendto(data, (host, port))
            said, who = line.recvfrom(512)
            return f"{len(said)} bytes from {who[0]}"

    return way


def name():
    found = {}

    def look():
        try:
            found["said"] = str(socket.getaddrinfo("example.org", 80)[0][4])
        except OSError as error:
            found["error"] = error

    worker = threading.Thread(target=look, daemon=True)
    worker.start()
    worker.join(SECONDS)
    if "said" not in found:
        raise found.get("error", TimeoutError("no answer"))
    return found["said"]


def ping(host):
    def way():
        with icmp() as line:
            line.settimeout(SECONDS)
            packet = struct.pack("!BBHHH", 8, 0, 0, 7, 1) + b"org"
            line.sendto(packet[:2] + checksum(packet) + packet[4:], (host, 0))
            said, who = line.recvfrom(512)
            if who[0] != host:
                raise OSError(errno.EHOSTUNREACH, f"told off by {who[0]}")
            return f"{len(said)} bytes from {who[0]}"

    return way


def icmp():
    try:
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    except PermissionError:
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


def checksum(packet):
    total = sum(struct.unpack(f"!{len(packet) // 2}H", packet[: len(packet) // 2 * 2]))
    total += (packet[-1] << 8) if len(packet) % 2 else 0
    total = (total >> 16) + (total & 0xFFFF)
    return struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF)


def raw(host, protocol):
    def way():
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol) as line:
            line.settimeout(SECONDS)
            line.sendto(b"\0\0\x08\0org", (host, 0))
            return f"{len(line.recv(512))} bytes"

    return way


def arp(host):
    """A frame past all rules for IP; the wire's own answer for a host beyond would be one out."""

    def way():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)) as line:
            card = next(
                one
                for one in os.listdir("/sys/class/net")  # noqa: PTH208 - names
                if one != "lo"
            )
            line.bind((card, 0x0806))
            own = line.getsockname()[4]
            asked = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + own + b"\x0a\0\x02\x0f"
            asked += b"\0" * 6 + socket.inet_aton(host)
            line.send(b"\xff" * 6 + own + b"\x08\x06" + asked)
            deadline = time.monotonic() + SECONDS
            while (left := deadline - time.monotonic()) > 0:
                line.settimeout(left)  # others ask for their own hosts meanwhile
                said = line.recv(128)
                if said[28:32] == socket.inet_aton(host):
                    return f"answered by {said[6:12].hex(':')}"
            raise TimeoutError("nobody answered")

    return way


def vsock():
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as line:
        line.settimeout(SECONDS)
        line.connect((2, 22))
        return "connected"


def route():
    """With a way of its own making, as root could."""
    added = subprocess.run(
        ["ip", "route", "replace", "1.1.1.1/32", "via", "10.0.2.2"],
        capture_output=True,
        text=True,
        check=False,
    )
    if added.returncode:
        raise PermissionError(added.stderr.strip() or "no such tool")
    try:
        return tcp("1.1.1.1", 80)()
    finally:
        subprocess.run(["ip", "route", "del", "1.1.1.1/32"], capture_output=True, check=False)


def web(url, host=""):
    def way():
        request = urllib.request.Request(url, headers={"Host": host} if host else {})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=SECONDS) as said:
            if said.geturl().startswith(f"http://{MODEL[0]}"):
                raise OSError(errno.EHOSTUNREACH, "only the model's own server answered")
            return f"{said.status} from {said.geturl()}"

    return way


SIX = socket.AF_INET6
SERVER = f"http://{MODEL[0]}:{MODEL[1]}"
WAYS = {
    "model host, port 22": tcp(MODEL[0], 22),
    "model host, port 80": tcp(MODEL[0], 80),
    "model host, port 11435": tcp(MODEL[0], 11435),
    "host as 10.0.2.2, port 22": tcp("10.0.2.2", 22),
    "host as 10.0.2.2, port 80": tcp("10.0.2.2", 80),
    "host as 10.0.2.2, port 11434": tcp("10.0.2.2", 11434),
    "DNS of the network, UDP": udp("10.0.2.3", 53),
    "DNS of the network, TCP": tcp("10.0.2.3", 53),
    "DNS outside, UDP": udp("1.1.1.1", 53),
    "DNS outside, TCP": tcp("8.8.8.8", 53),
    "DNS over TLS": tcp("1.1.1.1", 853),
    "DNS over HTTPS": tcp("1.1.1.1", 443),
    "DNS over HTTPS by the model's port": web(f"{SERVER}/dns-query?name=x", "dns.google"),
    "the resolver's own library": name,
    "a redirect by the model's server": web(f"{SERVER}/redirect"),
    "HTTP": tcp("1.1.1.1", 80),
    "mail": tcp("1.1.1.1", 25),
    "the model's port on another host": tcp("1.1.1.1", 11434),
    "from the model's port": tcp("1.1.1.1", 80, source=11434),
    "QUIC": udp("1.1.1.1", 443),
    "NTP": udp("1.1.1.1", 123, b"\x1b" + b"\0" * 47),
    "ICMP": ping("1.1.1.1"),
    "GRE": raw("1.1.1.1", 47),
    "metadata address": tcp("169.254.169.254", 80),
    "link-local": tcp("169.254.7.7", 80),
    "host-only network of VirtualBox": tcp("192.168.56.1", 11434),
    "network of libvirt": tcp("192.168.122.1", 53),
    "network of Docker": tcp("172.17.0.1", 80),
    "IPv6": tcp("2606:4700:4700::1111", 443, SIX),
    "IPv6, unique local": tcp("fd00::2", 80, SIX),
    "IPv6, all nodes": udp("ff02::1", 5353, QUERY, SIX),
    "mDNS": udp("224.0.0.251", 5353),
    "broadcast": udp("255.255.255.255", 9, b"org", broadcast=True),
    "ARP for a host beyond": arp("10.0.2.77"),
    "a route of one's own": route,
    "vsock": vsock,
}
CONTROL = {"the model itself": tcp(*MODEL)}


def main():
    found = {}

    def attempt(title, way):
        try:
            found[title] = {"out": True, "said": way()}
        except (OSError, ValueError, StopIteration, HTTPException) as error:
            found[title] = {"out": False, "said": str(error) or type(error).__name__}

    pairs = [*WAYS.items(), *CONTROL.items()]
    workers = [threading.Thread(target=attempt, args=pair) for pair in pairs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
