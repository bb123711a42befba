"""What hostile code runs inside a cell: each attempt is tried for real, and says how it went."""

from __future__ import annotations

# `told` maps an attempt to False where it was refused; the file is read out of the candidate.
HEAD = """
import ctypes, json, os, pathlib, socket, sys, time
told, began = {}, time.monotonic()
def attempt(name, action):
    try:
        told[name] = bool(action())
    except (OSError, ValueError) as error:
        told[name] = False
"""
TAIL = """
told["slow"] = time.monotonic() - began > 10
json.dump(told, open("probe.json", "w"))
"""
OTHERS = """
libc = ctypes.CDLL(None, use_errno=True)
def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
def words(pid):
    return pathlib.Path("/proc", str(pid), "cmdline").read_bytes()
def environments():
    found = b""
    for pid in pids():
        try:
            found += pathlib.Path("/proc", str(pid), "environ").read_bytes()
        except OSError:
            pass
    return found
attempt("signal", lambda: os.kill(SUPERVISOR, 0) is None)
attempt("kill", lambda: os.kill(SUPERVISOR, 9) is None)
attempt("pidfd", lambda: os.pidfd_open(SUPERVISOR) >= 0)
attempt("ptrace", lambda: libc.ptrace(16, SUPERVISOR, None, None) == 0)
attempt("memory", lambda: open(f"/proc/{SUPERVISOR}/mem", "rb").read(1))
attempt("descriptors", lambda: os.listdir(f"/proc/{SUPERVISOR}/fd"))
attempt("many", lambda: len(pids()) > 12)
attempt("supervisor seen", lambda: any(b"daemon" b".supervisor" in words(pid) for pid in pids()))
attempt("key in an environment", lambda: b"canary-key" in environments())
"""
FILES = """
def there(path):
    return lambda: os.path.lexists(path)
for name in ("repo.git", "state", "candidates", "evidence", "logs", "run", "org.toml"):
    attempt(name, there(f"{HOME}/{name}"))
for path in ("/root/.ssh", "/root/.bashrc", "/home", "/etc/shadow", "/etc/passwd", "/var/lib",
        "/srv", "/sys/fs/cgroup"):
    attempt(path, there(path))
attempt("ssh", there(os.path.expanduser("~/.ssh")))
attempt("key", lambda: "canary-key" in str(os.environ))
attempt("write the release", lambda: open(f"{sys.prefix}/evil", "w"))
attempt("write /usr", lambda: open("/usr/evil", "w"))
attempt("another door", lambda: set(os.listdir("/run/org")) - {"llm", "broker.sock"})
attempt("through a link", lambda: os.symlink(f"{HOME}/state", "way") or os.listdir("way"))
os.path.lexists("way") and os.unlink("way")
"""
NETWORK = """
def reach(family, kind, where):
    def go():
        with socket.socket(family, kind) as s:
            s.settimeout(2)
            s.connect(where)
            return kind == socket.SOCK_STREAM or s.send(b"x")
    return go
STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
INET, INET6, UNIX = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX
attempt("the model server", reach(INET, STREAM, ("127.0.0.1", MODEL)))
attempt("current", reach(INET, STREAM, ("127.0.0.1", CURRENT)))
attempt("all addresses", reach(INET, STREAM, ("0.0.0.0", CURRENT)))
attempt("loopback 6", reach(INET6, STREAM, ("::1", CURRENT)))
attempt("metadata", reach(INET, STREAM, ("169.254.169.254", 80)))
attempt("private", reach(INET, STREAM, ("10.0.2.2", 80)))
attempt("names", reach(INET, DATAGRAM, ("10.0.2.3", 53)))
attempt("link local 6", reach(INET6, STREAM, ("fe80::1", 80)))
attempt("abstract", reach(UNIX, STREAM, "\\0org"))
attempt("tmux", reach(UNIX, STREAM, f"{HOME}/tmux-0/default"))
attempt("control", reach(UNIX, STREAM, f"{HOME}/run/control.sock"))
attempt("resolve", lambda: socket.getaddrinfo("example.org", 80))
attempt("raw", lambda: socket.socket(INET, socket.SOCK_RAW, 1))
attempt("packet", lambda: socket.socket(17, socket.SOCK_RAW, 3))
attempt("vsock", lambda: socket.socket(40, STREAM))
attempt("interfaces", lambda: [name for _, name in socket.if_nameindex() if name != "lo"])
"""
BROKER = """
def answer(text, more=b""):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect("/run/org/llm")
        s.sendall(text.replace("\\n", "\\r\\n").encode() + more)
        said = b""
        while piece := s.recv(65536):
            said += piece
        return said
def plain(method, path):
    head = f"{method} {path} HTTP/1.1\\nhost: org\\nconnection: close\\n"
    return answer(head + "content-length: 0\\n\\n")
def opened(said):
    return said.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))
def complete(extra, headers=""):
    words = [{"role": "user", "content": "hi"}]
    body = json.dumps({"model": "scripted", "messages": words} | extra)
    head = f"POST /v1/chat/completions HTTP/1.1\\nhost: org\\nconnection: close\\n{headers}"
    return answer(head + f"content-length: {len(body)}\\n\\n", body.encode())
for method, path in (("POST", "/api/pull"), ("POST", "/api/push"), ("DELETE", "/api/delete"),
        ("POST", "/api/experimental/web_fetch"), ("GET", "/api/tags"), ("GET", "/v1/files"),
        ("POST", "/v1/../api/pull"), ("POST", "/v1/%2e%2e/api/pull"), ("GET", "/"),
        ("PUT", "/v1/chat/completions"), ("GET", "http://127.0.0.1:1/v1/secret"),
        ("CONNECT", "127.0.0.1:80")):
    attempt(f"{method} {path}", lambda: opened(plain(method, path)))
attempt("smuggled", lambda: opened(answer("POST /v1/chat/completions HTTP/1.1\\nhost: org\\n"
    "content-length: 4\\ntransfer-encoding: chunked\\nconnection: close\\n\\n",
    b"0\\r\\n\\r\\nGET /api/tags HTTP/1.1\\r\\nhost: org\\r\\n\\r\\n")))
complete({"url": "http://169.254.169.254/", "base_url": "http://10.0.0.1",
    "api_key": "evil-key"}, "authorization: Bearer evil-key\\nx-evil: smuggled\\n"
    "x-org-cell: current\\n")
said = [complete({"max_tokens": 100}) for _ in range(12)]
told["spent"] = [one.split(b" ", 2)[1].decode() for one in said]
"""


def script(*parts: str, **values: object) -> str:
    """A shell command that runs the parts, with these names set before them."""
    named = "".join(f"{name} = {value!r}\n" for name, value in values.items())
    whole = named + HEAD + "".join(parts) + TAIL
    return f"cat >/tmp/probe.py <<'PROBE'\n{whole}\nPROBE\npython3 -I /tmp/probe.py"
