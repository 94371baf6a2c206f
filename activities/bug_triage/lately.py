"""What came lately in a project, and how far it counts beside what an issue says.

Pure. Of each label, shares among the last few issues, the last dozen and the last hundred. How far each of these and
the text count is learnt from guesses whose truth was seen since, alike for all labels and projects (a conditional
logit, McFadden 1973): where labels come in runs, the last ones count; where they alternate, they speak against.
"""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Table = NDArray[np.float64]

FADES = (0.7, 0.9, 0.98)  # how each older issue counts: half after 2, 7 and 34
SMOOTH = 3.0  # issues that the shares of all count as
START = np.array([3.0, *(1 / len(FADES) for _ in FADES)])  # before anything was seen
HOLD = 1.0  # how strongly that is held on to
MOST_SEEN = 1_500


class Lately:
    """The fading counts of labels, by project."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, Table]] = defaultdict(dict)

    def take(self, project: str, label: str) -> None:
        """One more issue of a project."""
        counts = self._counts[project]
        for each in counts:
            counts[each] = counts[each] * FADES
        counts[label] = counts.get(label, np.zeros(len(FADES))) + 1

    def odds(self, project: str, classes: Sequence[str], shares: Table) -> Table:
        """Logs of how much oftener than by `shares` each class came: a row a class, a column a fade."""
        none = np.zeros(len(FADES))
        counts = np.array([self._counts.get(project, {}).get(each, none) for each in classes])
        counts += SMOOTH * shares[:, None]
        return np.asarray(np.log(counts / counts.sum(0) / shares[:, None]))


class Mix:
    """How far each clue counts. A clue has a number for each class."""

    def __init__(self) -> None:
        self.weights: Table = START.copy()
        self._seen: deque[tuple[Table, int]] = deque(maxlen=MOST_SEEN)

    def chances(self, clues: Table) -> Table:
        """Probabilities of the classes, from a row of clues for each."""
        said = clues @ self.weights
        raised = np.exp(said - said.max())
        return np.asarray(raised / raised.sum())

    def take(self, clues: Table, truth: int) -> None:
        """What was known before the guess, and the class it was."""
        self._seen.append((clues, truth))

    def refit(self) -> None:
        """By likelihood, near START where little was seen."""
        if not self._seen:
            return
        most = max(len(clues) for clues, _ in self._seen)
        table, held = np.zeros((len(self._seen), most, len(START))), np.full((len(self._seen), most), -np.inf)
        for at, (clues, _) in enumerate(self._seen):
            table[at, : len(clues)], held[at, : len(clues)] = clues, 0.0
        truth = np.array([each for _, each in self._seen])
        done = minimize(_cost, self.weights, (table, held, truth), jac=True, method="L-BFGS-B", options={"maxiter": 60})
        self.weights = np.asarray(done.x)


def _cost(weights: Table, table: Table, held: Table, truth: NDArray[np.int64]) -> tuple[float, Table]:
    """Minus the log of the likelihood, with the hold, and its slope. `held` is minus infinity where no class is."""
    said = table @ weights + held
    raised = np.exp(said - said.max(1, keepdims=True))
    chances = raised / raised.sum(1, keepdims=True)
    at, apart = np.arange(len(truth)), weights - START
    cost = -np.log(chances[at, truth] + 1e-12).sum() + HOLD * (apart**2).sum()
    slope = (chances[:, :, None] * table).sum((0, 1)) - table[at, truth].sum(0) + 2 * HOLD * apart
    return float(cost), np.asarray(slope)


def shares_of(counts: Mapping[str, int], classes: Sequence[str]) -> Table:
    """The share of each class, none of them zero."""
    found = np.array([counts.get(each, 0) + 1.0 for each in classes])
    return np.asarray(found / found.sum())
