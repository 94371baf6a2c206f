"""Which of the two processes of `make test` runs which tests: those of a folder stay together, in their order.

What a folder's fixtures start (servers, a Docker engine, installations) is started once so, and nobody else stops it.
"""

from typing import Any

import pytest

# These take minutes, or wait more than they compute: they come first, so that no process ends long after the other.
FIRST = ("tests/sandboxes", "tests/chaos", "tests/ledger", "tests/e2e", "tests/workflows", "tests/machines")
# One Docker engine serves all below it.
WHOLE = "tests/sandboxes"
# The process that starts mypy with its first test, and the folder whose test waits for it, after FIRST.
AHEAD, HOUSE = "gw0", "tests/house"


def scope(test: str) -> str:
    """What the test with this id stays together with."""
    folder = test.partition("::")[0].rpartition("/")[0]
    return WHOLE if folder.startswith(f"{WHOLE}/") else folder


def rank(folder: str, process: str) -> int:
    """Where the folder stands in that process's order: the smallest goes first."""
    if folder in FIRST:
        return FIRST.index(folder)
    others = len(FIRST) + 1
    return others if folder != HOUSE else others - 1 if process == AHEAD else others + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Asked by xdist. Without it, as in an environment that was made before the tests wanted it, all runs in one."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFolder(LoadScopeScheduling):
        """xdist's own distribution of scopes, where a scope is a folder, and the longest is given out first."""

        def _split_scope(self, nodeid: str) -> str:
            return scope(nodeid)

        def _assign_work_unit(self, node: Any) -> None:
            first = min(self.workqueue, key=lambda folder: rank(folder, node.gateway.id))
            self.workqueue.move_to_end(first, last=False)
            super()._assign_work_unit(node)

    return ByFolder(config, log)
