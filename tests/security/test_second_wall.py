"""The second wall: what code can do that has taken over a worker, as root and as an ordinary user.

Each act is carried out by code of the attacker's own, in a process that has gone through the worker's real
`lock_down`. It acts through Python and through bare system calls, since it need not be a plan any more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyrag_dsl.isolation import seccomp
from pyrag_dsl.isolation.pool import IsolationUnavailable, Member

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(seccomp.missing() is not None, reason="the platform has no filter of system calls")
NOBODY = 65534

ATTACKER = r"""
import ctypes, json, mmap, os, resource, signal, socket, sys, threading, time
from pyrag_dsl.isolation import seccomp, worker
victim, folder = int(sys.argv[1]), sys.argv[2]
out = os.dup(1)
os.dup2(out, 0)
libc = ctypes.CDLL(None, use_errno=True)
numbers = json.loads(sys.argv[3])
worker.load_everything()
user = int(sys.argv[4])
if user:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
worker.lock_down(2**28, sys.argv[5] == "filtered")

def call(name, *arguments):
    "A bare system call; whether it succeeded."
    given = [ctypes.c_long(a) if type(a) is int else a for a in arguments]
    return libc.syscall(ctypes.c_long(numbers[name]), *given) >= 0

def path(name):
    return os.path.join(folder, name).encode()

def grow():
    held = []
    for _ in range(64):
        held.append(mmap.mmap(-1, 2**26, flags=PRIVATE))
    return True

def executable():
    return bool(mmap.mmap(-1, 4096, flags=PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC))

def made_executable():
    held = mmap.mmap(-1, 4096, flags=PRIVATE)
    place = ctypes.addressof(ctypes.c_char.from_buffer(held))
    return libc.mprotect(ctypes.c_void_p(place), 4096, 7) == 0

def shared():
    return bool(mmap.mmap(-1, 4096, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS))

def later():
    threading.Thread(target=lambda: None).start()
    return True

AT = -100
unloaded = next(name for name in sys.builtin_module_names if name not in sys.modules)
PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
acts = {
    "open to read": lambda: bool(open("/etc/passwd").read()),
    "open to write": lambda: bool(open(path("new"), "w")),
    "openat": lambda: call("openat", AT, path("file"), 0, 0),
    "openat2": lambda: call("openat2", AT, path("file"), ctypes.create_string_buffer(24), 24),
    "create": lambda: call("openat", AT, path("made"), 0o101, 0o600),
    "rename": lambda: os.rename(path("file"), path("other")) is None,
    "renameat2": lambda: call("renameat2", AT, path("file"), AT, path("other"), 0),
    "remove": lambda: os.remove(path("file")) is None,
    "unlinkat": lambda: call("unlinkat", AT, path("file"), 0),
    "remove a folder": lambda: os.rmdir(path("inner")) is None,
    "make a folder": lambda: os.mkdir(path("made")) is None,
    "link": lambda: os.link(path("file"), path("linked")) is None,
    "symlink": lambda: os.symlink("/etc", path("symlinked")) is None,
    "truncate": lambda: os.truncate(path("file"), 0) is None,
    "chmod": lambda: os.chmod(path("file"), 0o777) is None,
    "chown": lambda: os.chown(path("file"), 1, 1) is None,
    "utime": lambda: os.utime(path("file"), (1, 1)) is None,
    "setxattr": lambda: os.setxattr(path("file"), "user.a", b"b") is None,
    "list a folder": lambda: bool(os.listdir("/")),
    "stat": lambda: bool(os.stat("/etc/passwd")),
    "readlink": lambda: bool(os.readlink("/proc/self/exe")),
    "chdir": lambda: os.chdir("/tmp") is None,
    "chroot": lambda: os.chroot(folder) is None,
    "mount": lambda: call("mount", b"none", folder.encode(), b"tmpfs", 0, 0),
    "mknod": lambda: os.mkfifo(path("pipe")) is None,
    "memory of another": lambda: bool(open(f"/proc/{victim}/mem", "rb")),
    "process_vm_readv": lambda: call("process_vm_readv", victim, ctypes.create_string_buffer(16), 1,
                                     ctypes.create_string_buffer(16), 1, 0),
    "process_vm_writev": lambda: call("process_vm_writev", victim, ctypes.create_string_buffer(16), 1,
                                      ctypes.create_string_buffer(16), 1, 0),
    "ptrace": lambda: call("ptrace", 16, victim, 0, 0),
    "signal another": lambda: os.kill(victim, 0) is None,
    "signal all": lambda: os.kill(-1, 0) is None,
    "tgkill": lambda: call("tgkill", victim, victim, 0),
    "pidfd_open": lambda: call("pidfd_open", victim, 0),
    "signal of the parent": lambda: os.kill(os.getppid(), 0) is None,
    "limits of another": lambda: bool(resource.prlimit(victim, resource.RLIMIT_NOFILE)),
    "priority of another": lambda: os.setpriority(os.PRIO_PROCESS, victim, 19) is None,
    "socket": lambda: bool(socket.socket()),
    "socket of the system": lambda: bool(socket.socket(socket.AF_UNIX)),
    "socketpair": lambda: bool(socket.socketpair()),
    "netlink": lambda: call("socket", 16, 3, 0),
    "connect by the one descriptor": lambda: call("connect", 0, ctypes.create_string_buffer(16), 16),
    "send a descriptor": lambda: call("sendmsg", 0, ctypes.create_string_buffer(56), 0),
    "receive a descriptor": lambda: call("recvmsg", 0, ctypes.create_string_buffer(56), 0),
    "duplicate": lambda: os.dup(0) >= 0,
    "pipe": lambda: bool(os.pipe()),
    "read another descriptor": lambda: bool(os.read(1, 1)),
    "write another descriptor": lambda: bool(os.write(2, b"x")),
    "fork": lambda: os.fork() >= 0,
    "clone": lambda: call("clone", 17, 0, 0, 0, 0),
    "clone3": lambda: call("clone3", ctypes.create_string_buffer(88), 88),
    "thread": later,
    "execute": lambda: os.execv("/bin/true", ["true"]),
    "execveat": lambda: call("execveat", AT, b"/bin/true", 0, 0, 0),
    "executable memory": executable,
    "memory made executable": made_executable,
    "shared memory": shared,
    "shmget": lambda: call("shmget", 0, 4096, 0o1600),
    "memfd": lambda: bool(os.memfd_create("a")),
    "memory beyond the limit": grow,
    "higher limits": lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)) is None,
    "another user": lambda: os.setuid(1) is None,
    "root again": lambda: os.setuid(0) is None,
    "capabilities": lambda: call("capset", ctypes.create_string_buffer(8), ctypes.create_string_buffer(24)),
    "another filter": lambda: call("seccomp", 1, 0, ctypes.create_string_buffer(16)),
    "prctl": lambda: libc.prctl(4, 1, 0, 0, 0) == 0,
    "unshare": lambda: call("unshare", 0x10000000),
    "setns": lambda: call("setns", 0, 0),
    "bpf": lambda: call("bpf", 0, ctypes.create_string_buffer(72), 72),
    "io_uring": lambda: call("io_uring_setup", 8, ctypes.create_string_buffer(120)),
    "perf": lambda: call("perf_event_open", ctypes.create_string_buffer(120), 0, -1, -1, 0),
    "keyring": lambda: call("keyctl", 0, -3, 0),
    "reboot": lambda: call("reboot", 0xFEE1DEAD, 0x28121969, 0, 0),
    "host name": lambda: call("sethostname", b"a", 1),
    "the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, 0) is None,
    "import of a module of the interpreter": lambda: bool(__import__(unloaded)),
}
if sys.argv[5] != "filtered":  # those that end or change more than a test may
    free = "stat chdir chmod utime truncate link symlink rename".split()
    free += ["executable memory", "memory made executable", "shared memory"]
    acts = {name: acts[name] for name in free}
told = {}
for name, act in acts.items():
    try:
        told[name] = bool(act())
    except (OSError, ImportError, RuntimeError, MemoryError, ValueError) as error:
        told[name] = False
os.write(0, json.dumps(told).encode())
"""
# Numbers of system calls on x86-64 and on aarch64.
NUMBERS = {
    "x86_64": {
        "openat": 257, "openat2": 437, "renameat2": 316, "unlinkat": 263, "mount": 165, "process_vm_readv": 310,
        "process_vm_writev": 311, "ptrace": 101, "tgkill": 234, "pidfd_open": 434, "socket": 41, "connect": 42,
        "sendmsg": 46, "recvmsg": 47, "clone": 56, "clone3": 435, "execveat": 322, "shmget": 29, "capset": 126,
        "seccomp": 317, "unshare": 272, "setns": 308, "bpf": 321, "io_uring_setup": 425, "perf_event_open": 298,
        "keyctl": 250, "reboot": 169, "sethostname": 170,
    },
    "aarch64": {
        "openat": 56, "openat2": 437, "renameat2": 276, "unlinkat": 35, "mount": 40, "process_vm_readv": 270,
        "process_vm_writev": 271, "ptrace": 117, "tgkill": 131, "pidfd_open": 434, "socket": 198, "connect": 203,
        "sendmsg": 211, "recvmsg": 212, "clone": 220, "clone3": 435, "execveat": 281, "shmget": 194, "capset": 91,
        "seccomp": 277, "unshare": 97, "setns": 268, "bpf": 280, "io_uring_setup": 425, "perf_event_open": 241,
        "keyctl": 219, "reboot": 142, "sethostname": 161,
    },
}  # fmt: skip


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any user can reach, so that nothing but the wall keeps an attacker from it."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o777)
        yield Path(place)


def attack(folder: Path, user: int, filtered: bool = True) -> dict[str, bool]:
    """What each act of the attacker came to, as this user; 0 stands for the one of the tests."""
    (folder / "file").write_text("kept", encoding="utf-8")
    (folder / "inner").mkdir()
    for place in (folder, folder / "file", folder / "inner"):
        place.chmod(0o777)
        if user:
            os.chown(place, user, user)
    waiting = f"import os, sys; {user} and os.setuid({user}); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", waiting], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as victim:
        try:
            assert victim.stdout is not None
            victim.stdout.readline()
            numbers = json.dumps(NUMBERS[os.uname().machine])
            arguments = [str(victim.pid), str(folder), numbers, str(user), "filtered" if filtered else "free"]
            found = subprocess.run(
                [sys.executable, "-B", "-c", ATTACKER, *arguments],
                cwd=ROOT,
                capture_output=True,
                timeout=60,
                check=False,
            )
            assert (found.returncode, found.stderr) == (0, b"")
            assert victim.poll() is None
        finally:
            victim.kill()
    if filtered:
        assert (folder / "file").read_text(encoding="utf-8") == "kept"
        assert sorted(each.name for each in folder.iterdir()) == ["file", "inner"]
    told: dict[str, bool] = json.loads(found.stdout)
    return told


def test_no_act_of_an_attacker_succeeds(folder: Path) -> None:
    told = attack(folder, 0)
    assert len(told) > 60
    assert [act for act, succeeded in told.items() if succeeded] == []


@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="only root can become another user")
def test_no_act_of_an_attacker_of_another_user_succeeds(folder: Path) -> None:
    told = attack(folder, NOBODY)
    assert len(told) > 60
    assert [act for act, succeeded in told.items() if succeeded] == []


@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="only root can become another user")
def test_without_the_filter_some_of_the_acts_succeed(folder: Path) -> None:
    """The acts are real: what the weaker wall does not hold is what SECURITY.md says of it."""
    told = attack(folder, NOBODY, filtered=False)
    assert [act for act, succeeded in told.items() if not succeeded] == []


def test_a_platform_without_a_filter_is_told_so_and_the_weaker_wall_has_its_own_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seccomp, "missing", lambda: "this system has no filter")
    with pytest.raises(IsolationUnavailable, match=r"this system has no filter.*rlimits"):
        Member(2**28)
    weaker = Member(2**28, filtered=False)
    try:
        assert weaker.alive
    finally:
        weaker.kill()
