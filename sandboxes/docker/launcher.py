"""How a container that waits is told its one command: a line of shell on its standard input.

The container's first process is a shell that waits for that line. It stays first, so that signals and exit codes
inside are as usual; when the command ends it ends, and the kernel kills whatever the command left running.
What follows the line is the command's own input. Nothing travels through the engine's own records: neither the
command nor a variable's value can be seen by `docker inspect`.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.errors import BadInput

# `read` takes a byte at a time and leaves what comes after the line alone, in every shell.
SHELL = ("sh", "-c", "nl='\n'; IFS= read -r line || exit 125; eval \"$line\"")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The kernel's own limits: MAX_ARG_STRLEN, and a quarter of the usual stack for all of them.
WORD_BYTES, LINE_BYTES = 128 << 10, 2 << 20


@dataclass(frozen=True)
class Command:
    """A command as a container is told it. `nonce` marks on stderr how far it came; nothing inside knows it before."""

    argv: tuple[str, ...]
    line: bytes
    nonce: str

    @property
    def started(self) -> bytes:
        return f"{self.nonce}-started\n".encode()

    @property
    def no_folder(self) -> bytes:
        return f"{self.nonce}-folder\n".encode()

    @property
    def no_program(self) -> bytes:
        return f"{self.nonce}-program\n".encode()


def command(argv: Sequence[str], *, cwd: str, env: Mapping[str, str]) -> Command:
    """Raises BadInput for a variable that no shell can set, and for what is too long."""
    words = [*argv, *(f"{name}={value}" for name, value in env.items())]
    sizes = [len(word.encode("utf-8", "surrogateescape")) for word in words]
    if max(sizes) >= WORD_BYTES or sum(sizes) >= LINE_BYTES:
        raise BadInput("The command line is too long.", subject=argv[0][:200])
    for name in env:
        if not NAME.fullmatch(name):
            raise BadInput(f"A variable can't have the name {name!r}.", subject=name)
    nonce = secrets.token_hex(8)
    exports = "".join(f"export {name}={quoted(value)}; " for name, value in env.items())
    script = (
        f"echo {nonce}-started >&2; "
        f"( at=folder; trap 'echo {nonce}-$at >&2' EXIT; cd -- {quoted(cwd)} && at=program && "
        f"{{ {exports}exec {' '.join(quoted(word) for word in argv)}; }} ); exit $?\n"
    )
    return Command(tuple(argv), script.encode("utf-8", "surrogateescape"), nonce)


def quoted(word: str) -> str:
    """One word of shell on one line: a newline comes from the variable that holds one."""
    return "'" + word.replace("'", "'\\''").replace("\n", "'\"$nl\"'") + "'"
