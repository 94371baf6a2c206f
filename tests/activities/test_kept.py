"""An attempt that died halfway: the next has what it finished, and makes the rest."""

from pathlib import Path

import pytest

from activities.kept import KeptInHeartbeats
from activities.progress import Progress
from activities.scoring import training
from activities.scoring.training import Effort, train
from contracts.base import Contract
from ledger.artifacts import FolderArtifacts
from tests.activities.scoring.generated import deals

QUICK = Effort(members=1, resamples=3, rounds=30)
HISTORY = deals(300)


class Number(Contract):
    value: int


def test_a_model_that_went_on_after_a_death_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it learns the second of three resamples: two judgings, the shapes and one resample are there."""
    fits, boosted = list[int](), training.boosted

    def dies_at(most: int) -> None:
        def fit(*words: object) -> object:
            if len(fits) == most:
                raise KeyboardInterrupt
            fits.append(1)
            return boosted(*words)  # type: ignore[arg-type]

        fits.clear()
        monkeypatch.setattr(training, "boosted", fit)

    artifacts, told = FolderArtifacts(tmp_path), Progress("")
    whole = train(*HISTORY, effort=QUICK)
    dies_at(4)
    with pytest.raises(KeyboardInterrupt):
        train(*HISTORY, effort=QUICK, kept=KeptInHeartbeats(told, artifacts, slow=0))
    assert len(told.kept) == 4
    again = Progress("")
    again.kept = told.kept
    dies_at(2)
    assert train(*HISTORY, effort=QUICK, kept=KeptInHeartbeats(again, artifacts, slow=0)) == whole
    assert len(fits) == 2


def test_a_piece_that_was_erased_is_made_again_and_a_quick_one_is_not_kept(tmp_path: Path) -> None:
    artifacts, told = FolderArtifacts(tmp_path), Progress("")
    kept = KeptInHeartbeats(told, artifacts, slow=0)
    assert kept.piece("one", Number, lambda: Number(value=1)).value == 1
    assert kept.piece("one", Number, lambda: Number(value=2)).value == 1
    artifacts.erase(told.kept[0].partition("=")[2])
    assert kept.piece("one", Number, lambda: Number(value=2)).value == 2
    quick = Progress("")
    KeptInHeartbeats(quick, artifacts).piece("two", Number, lambda: Number(value=1))
    assert quick.kept == ()
