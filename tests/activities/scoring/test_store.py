"""Trained models on disk: found again, never half, never too many, and learnt again where a file is damaged."""

from pathlib import Path

import pytest

from activities.scoring.store import DAMAGED, KEPT, ModelStore, Stored
from activities.scoring.training import CODE, Effort, train
from tests.activities.scoring.generated import deals

FITTED = train(*deals(80), effort=Effort(members=1, resamples=0, rounds=10))
STORED = Stored(trained=FITTED.trained, model=FITTED.model, scope="crm")


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path, "deal_scoring")


def of(number: int, *, last: float = 0.0) -> Stored:
    return STORED.model_copy(
        update={"trained": FITTED.trained.model_copy(update={"data": f"{number:064x}", "last": last})}
    )


def test_what_was_learnt_is_not_learnt_twice(store: ModelStore) -> None:
    learnt: list[int] = []

    def learn() -> Stored:
        learnt.append(1)
        return STORED

    first = store.get_or(FITTED.trained.data, CODE, learn)
    assert store.get_or(FITTED.trained.data, CODE, learn) == first == STORED
    assert learnt == [1]
    assert store.get(FITTED.trained.data, "another-code") is None


@pytest.mark.parametrize("damage", [b"", b"half", b'{"trained": 1}', b"\x80\x04evil pickle."])
def test_a_damaged_file_is_put_aside_and_learnt_again_with_a_note(
    store: ModelStore, tmp_path: Path, damage: bytes
) -> None:
    store.put(STORED)
    [path] = (tmp_path / "models" / "deal_scoring").iterdir()
    path.write_bytes(damage)
    again = store.get_or(FITTED.trained.data, CODE, lambda: STORED)
    assert again.trained.notes == (DAMAGED,)
    assert store.get(FITTED.trained.data, CODE) == again
    assert path.with_suffix(".damaged").read_bytes() == damage


def test_one_changed_byte_is_noticed(store: ModelStore, tmp_path: Path) -> None:
    store.put(STORED)
    [path] = (tmp_path / "models" / "deal_scoring").iterdir()
    path.write_bytes(path.read_bytes().replace(b'"crm"', b'"CRM"'))
    with pytest.raises(ValueError, match="cut off or changed"):
        store.get(FITTED.trained.data, CODE)
    assert store.newest("crm", CODE) is None


def test_only_so_many_are_kept(store: ModelStore, tmp_path: Path) -> None:
    for number in range(KEPT + 5):
        store.put(of(number))
    assert len(list((tmp_path / "models" / "deal_scoring").iterdir())) == KEPT


def test_the_newest_of_a_scope_is_by_what_it_learnt_from(store: ModelStore) -> None:
    for number, last in ((1, 30.0), (2, 90.0), (3, 60.0)):
        store.put(of(number, last=last))
    newest = store.newest("crm", CODE)
    assert newest is not None
    assert newest.trained.last == 90.0
    assert store.newest("another", CODE) is None


def test_a_folder_that_cannot_be_written_keeps_nothing_and_still_answers(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("in the way")
    assert ModelStore(tmp_path, "deal_scoring").get_or(FITTED.trained.data, CODE, lambda: STORED) == STORED
