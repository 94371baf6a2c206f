"""Which of the two processes of `make test` runs which tests: those of a folder stay together, in their order.

What a folder's fixtures start (servers, a Docker engine, installations) is started once so, and nobody else stops it.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

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


class ByFolder(LoadScopeScheduling):
    """xdist's own distribution of scopes, where a scope is a folder, and the longest is given out first."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        late = len(FIRST) + 1
        ranks = dict.fromkeys(self.workqueue, late) | {folder: rank for rank, folder in enumerate(FIRST)}
        ranks[HOUSE] = late - 1 if node.gateway.id == AHEAD else late + 1
        self.workqueue.move_to_end(min(self.workqueue, key=ranks.__getitem__), last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFolder:
    return ByFolder(config, log)
