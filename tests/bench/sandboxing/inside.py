"""Work of some length inside, against the same work on the host: what the sandbox itself costs."""

from contracts.policy import SandboxPolicy
from sandboxes import SandboxProvider, Tree
from tests.bench.sandboxing.measuring import Work, bare, measured, ratio, timed

# Half a second or more each, so that the start of a command doesn't count.
WORKS = {
    "tests": "cd package0 && /usr/bin/python3 -m unittest -q",
    "search": "for i in 1 2 3 4 5 6 7 8; do rg -c 'function_[0-9]*7' . >/dev/null || exit 1; done",
    "git": "for i in 1 2 3 4; do git status >/dev/null && git grep -c function >/dev/null && git log --stat >/dev/null"
    " || exit 1; done",
}


async def inside(providers: dict[str, SandboxProvider], tree: Tree, repetitions: int) -> dict[str, dict[str, float]]:
    """By provider: how many times as long each work takes as on the host, by medians. What can't run there is left
    out, such as tests in an image without Python."""
    found: dict[str, dict[str, float]] = {}
    host = str(tree.git_dir.parent)
    for name, provider in providers.items():
        async with await provider.create(SandboxPolicy(), tree=tree) as box:
            for kind, script in WORKS.items():
                argv = ["sh", "-c", script]
                if (await box.exec(argv, cwd=tree.folder)).exit_code != 0:
                    continue
                works: dict[str, Work] = {
                    "bare": lambda argv=argv: timed(bare(*argv, cwd=host)),  # type: ignore[misc]
                    "inside": lambda argv=argv, box=box: timed(box.exec(argv, cwd=tree.folder)),  # type: ignore[misc]
                }
                found.setdefault(name, {})[kind] = ratio(await measured(works, repetitions), "inside", "bare")
    return found
