"""The table: each attempt, what it tries with the ordinary tools that an agent has, and what stops it.

A script prints ESCAPED when it got what it wanted. `{port}` and the like are filled in from world.py.
"""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = os.geteuid() == 0
SYSRQ = ROOT and Path("/proc/sysrq-trigger").exists()
ROUTES = Path("/proc/net/route").read_text().count("\n") > 1
INTERFACES = len(list(Path("/sys/class/net").iterdir())) > 1
X86 = os.uname().machine == "x86_64"
SOCKET = "import socket; s = socket.socket"
C = "import ctypes, os; c = ctypes.CDLL(None, use_errno=True); "
# A seventh argument goes over the stack, where ctypes writes half a register's width and leaves the rest as it was.
WIDE = "call = lambda *a: c.syscall(*(ctypes.c_long(x) if isinstance(x, int) else x for x in a)); "


@dataclass(frozen=True)
class Attempt:
    """`language` is sh or python. `only` says whether the ablation means something on this host."""

    name: str
    stopped_by: str
    script: str
    language: str = "python"
    only: bool = True
    seconds: float = 20


def shell(name: str, stopped_by: str, script: str, *, only: bool = True, seconds: float = 20) -> Attempt:
    return Attempt(name, stopped_by, script, "sh", only, seconds)


def syscall(name: str, call: str) -> Attempt:
    """A system call that has to fail; without the filter it works, or at least is looked at by the kernel."""
    return Attempt(name, "seccomp", f"{C}{WIDE}print('ESCAPED' * ({call} >= 0), ctypes.get_errno())", only=X86)


FILES = [
    shell("find a file in /var of the host", "private root", "test -e {var} && echo ESCAPED"),
    shell("find a file in /run of the host", "private root", "test -e {run} && echo ESCAPED", only=ROOT),
    shell("read /sys of the host", "private root", "cat /sys/kernel/uevent_seqnum && echo ESCAPED"),
    shell("look for keys at home", "private root", "ls -a /root /home && echo ESCAPED"),
    shell("read the host's accounts", "own /etc", "sha256sum /etc/passwd | grep -q {accounts} && echo ESCAPED"),
    shell("read a secret in /tmp", "own /tmp", "grep -q {secret} {folder}/secret && echo ESCAPED"),
    shell("change /etc/passwd", "read-only mounts", "echo x:x:0:0::/:/bin/sh >> /etc/passwd && echo ESCAPED"),
    shell("write to a mount", "read-only mounts", "echo x > /given/x && echo ESCAPED"),
    shell("make a device node", "user namespace", "mknod disk b 7 0 && echo ESCAPED", only=ROOT),
    shell("become another user", "user namespace", "chown 12345 . && echo ESCAPED", only=ROOT),
    shell("remount the system writable", "seccomp", "unshare -Urm sh -c 'mount -t tmpfs x /tmp' && echo ESCAPED"),
    shell("leave a setuid file", "seccomp", "cp /usr/bin/env e; chmod 4755 e && echo ESCAPED"),
    Attempt("give birth to a setuid file", "seccomp", "import os; os.open('x', os.O_CREAT, 0o4755); print('ESCAPED')"),
]
KERNEL = [
    shell(
        "set the host's core_pattern",
        "covers in /proc",
        'p=$(cat /proc/sys/kernel/core_pattern); echo "$p" > /proc/sys/kernel/core_pattern && echo ESCAPED',
        only=ROOT,
    ),
    shell("drop the host's caches", "covers in /proc", "exec 3>/proc/sys/vm/drop_caches && echo ESCAPED", only=ROOT),
    shell("reach sysrq", "covers in /proc", "exec 3>/proc/sysrq-trigger && echo ESCAPED", only=SYSRQ),
    shell("read the kernel's timers", "covers in /proc", "grep -q . /proc/timer_list && echo ESCAPED", only=ROOT),
    syscall("keyctl", "call(250, 0, -3, 1)"),
    syscall("add_key", "call(248, b'user', b'name', b'x', 1, -2)"),
    syscall("io_uring", "call(425, 8, ctypes.create_string_buffer(120))"),
    syscall("a user namespace by unshare", "call(272, 0x10000000)"),
    syscall("a user namespace by clone3", "call(435, (ctypes.c_uint64 * 8)(1 << 28, 0, 0, 0, 17), 64)"),
    syscall("ptrace", "call(101, 0, 0, 0, 0)"),
    syscall("read another process's memory", "call(310, os.getpid(), 0, 0, 0, 0, 0)"),
    syscall("userfaultfd", "call(323, 1)"),
    syscall("personality without address randomisation", "call(135, 0x0040000)"),
    syscall(
        "a file handle, to open others by",
        "call(303, -100, b'/work', (ctypes.c_uint32 * 40)(128), ctypes.byref(ctypes.c_int()), 0)",
    ),
    syscall("compare kernel pointers", "call(312, os.getpid(), os.getpid(), 0, 0, 0)"),
    syscall("a local descriptor table", "call(154, 0, ctypes.create_string_buffer(64), 64)"),
    Attempt(
        "type into the terminal",
        "seccomp",
        "import os, pty, fcntl, termios\n_, slave = pty.openpty()\n"
        "if os.fork(): os.wait()\nelse:\n  os.setsid(); fcntl.ioctl(slave, termios.TIOCSCTTY, 0)\n"
        "  fcntl.ioctl(slave, termios.TIOCSTI, b'x'); print('ESCAPED', flush=True)",
    ),
    Attempt("stay in the worker's session", "new session", "import os; print('ESCAPED' * (os.getsid(0) == 0))"),
    Attempt(
        "have a capability",
        "no root inside",
        "print('ESCAPED' * (int(open('/proc/self/status').read().split('CapEff:')[1].split()[0], 16) != 0))",
        only=ROOT,
    ),
]
NETWORK = [
    Attempt(
        "a service on the host",
        "network namespace",
        f"{SOCKET}(); s.connect(('127.0.0.1', {{port}})); print('ESCAPED')",
    ),
    Attempt(
        "a name server on the host",
        "network namespace",
        f"{SOCKET}(2, 2); s.settimeout(0.5); s.sendto(b'?', ('127.0.0.1', {{udp}})); s.recv(9); print('ESCAPED')",
    ),
    Attempt(
        "an abstract socket of the host",
        "network namespace",
        f"{SOCKET}(1); s.connect('\\0{{abstract}}'); print('ESCAPED')",
    ),
    Attempt(
        "a route to the metadata address",
        "network namespace",
        f"{SOCKET}(2, 2); s.connect(('169.254.169.254', 80)); print('ESCAPED')",
        only=ROUTES,
    ),
    Attempt(
        "a route to public name servers",
        "network namespace",
        f"{SOCKET}(2, 2); s.connect(('9.9.9.9', 53)); print('ESCAPED')",
        only=ROUTES,
    ),
    Attempt(
        "see the host's interfaces",
        "network namespace",
        "import socket; print('ESCAPED' * (len(socket.if_nameindex()) > 1))",
        only=INTERFACES,
    ),
    Attempt("AF_VSOCK, which no namespace holds", "seccomp", f"{SOCKET}(40, 1); print('ESCAPED')"),
    Attempt("a netlink socket to the kernel", "seccomp", f"{SOCKET}(16, 3, 16); print('ESCAPED')"),
    Attempt(
        "shared memory of the host",
        "ipc namespace",
        f"{C}print('ESCAPED' * (c.shmget(0x5EC0DE, 4096, 0) >= 0))",
    ),
    shell("the host's name", "uts namespace", "test $(uname -n) = {host} && echo ESCAPED"),
]
PROCESSES = [
    shell("signal a process of the host", "pid namespace", "kill -0 {victim} && echo ESCAPED"),
    shell("see a process of the host", "pid namespace", "test -d /proc/{victim} && echo ESCAPED"),
    shell("read the worker's environment", "empty environment", "grep -aq {secret} /proc/1/environ && echo ESCAPED"),
    shell("inherit a secret", "empty environment", "env | grep {secret} && echo ESCAPED"),
    Attempt(
        "fork without end",
        "cgroup and rlimits",
        "import os, time\nfor n in range(100):\n  if not os.fork(): time.sleep(60)\nprint('ESCAPED')",
    ),
    Attempt(
        "a storm of zombies",
        "cgroup and rlimits",
        "import os\nfor n in range(100):\n  if not os.fork(): os._exit(0)\nprint('ESCAPED')",
    ),
    Attempt("eat the memory", "cgroup and rlimits", "b'x' * (400 << 20); print('ESCAPED')"),
    Attempt(
        "eat the memory with many",
        "cgroup",
        "import os, time\nr, w = os.pipe()\nfor n in range(4):\n  if not os.fork():\n"
        "    b = bytearray(b'x') * (100 << 20); os.write(w, b'x'); time.sleep(9); os._exit(0)\n"
        "os.close(w)\ngot = 0\nwhile got < 4 and os.read(r, 1): got += 1\n"
        "print('ESCAPED' * (got == 4 and os.waitpid(-1, os.WNOHANG) == (0, 0)))",
    ),
    shell(
        "eat the memory by /dev/shm",
        "cgroup",
        "for i in $(seq 50); do head -c 8000000 /dev/zero > /dev/shm/$i || exit; done; echo ESCAPED",
    ),
    Attempt(
        "eat the processor",
        "cgroup",
        # It may have a twentieth of one. A busy host gives little more to each session, and sometimes less: the best of
        # a few tries counts.
        "import os, time\ndef used():\n  times = os.times(); return times.children_user + times.children_system\n"
        "for n in range(6):\n  before, began = used(), time.time()\n  for n in range(4):\n    if not os.fork():\n"
        "      while time.time() < began + 1: pass\n      os._exit(0)\n  for n in range(4): os.wait()\n"
        "  if (used() - before) / (time.time() - began) > 0.1: print('ESCAPED'); break",
    ),
    shell("dump core", "rlimits", "ulimit -c unlimited && echo ESCAPED"),
    shell("a sparse file of a terabyte", "rlimits", "truncate -s 1T sparse && echo ESCAPED"),
    shell("open files without end", "rlimits", "ulimit -n 5000 && echo ESCAPED"),
    shell(
        "fill the disk", "own disk", "for i in 1 2 3 4; do head -c 4000000 /dev/zero > $i || exit; done; echo ESCAPED"
    ),
    shell(
        "use up the inodes",
        "own disk",
        "i=0; while [ $i -lt 5000 ]; do true > $i || exit; i=$((i+1)); done; echo ESCAPED",
    ),
    shell("outlast the time", "wall clock", "sleep 1.5; echo ESCAPED", seconds=0.4),
]
ATTEMPTS = [*FILES, *KERNEL, *NETWORK, *PROCESSES]
