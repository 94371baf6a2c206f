"""How a work tree arrives: cloned inside, from a bare repository of the host that is mounted read-only.

The clone shares objects, so nothing is copied but the files; what it was cloned from can't be changed.
"""

from contracts.errors import BadInput, SandboxFailed, UnknownRange
from sandboxes.beneath import relative
from sandboxes.local import LocalSandbox
from sandboxes.protocol import Mount, Tree

TARGET = "/repository.git"
# As `git clone --shared` does it, without the process that serves a clone: it would ask who owns the repository.
CLONE = """
git --git-dir="$3" cat-file -e "$1^{commit}" || exit 129
git init --quiet "$2" && cd "$2" && echo "$3/objects" > .git/objects/info/alternates || exit 1
[ ! -f "$3/shallow" ] || cp "$3/shallow" .git/shallow
exec git checkout --quiet --detach "$1"
"""
NO_SUCH_COMMIT = 129


def mounts(tree: Tree | None) -> tuple[Mount, ...]:
    return (Mount(tree.git_dir, TARGET),) if tree else ()


async def check_out(box: LocalSandbox, tree: Tree) -> None:
    """Raises UnknownRange for a commit that the repository doesn't have, BadInput, SandboxFailed."""
    folder = relative(tree.folder)
    if tree.commit.startswith("-") or folder in (".", "..") or folder.startswith("../"):
        raise BadInput(f"{tree.commit!r} in {tree.folder!r} is no work tree.", subject=tree.commit)
    done = await box.exec(["sh", "-c", CLONE, "sh", tree.commit, f"/work/{folder}", TARGET])
    if done.exit_code == NO_SUCH_COMMIT:
        raise UnknownRange(f"The repository has no {tree.commit!r}.", subject=tree.commit)
    if done.exit_code != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise SandboxFailed(f"The work tree could not be made: {said or 'it took too long'}.", subject=tree.commit)
    await box.mark_base(tree.commit)
