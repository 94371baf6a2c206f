"""Heads kept in a git repository: by themselves, once each, and found to be cut off by what was kept."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from console.findings import anchored
from contracts.errors import AnchorFailed, BadInput
from contracts.records import Entry
from ledger import FolderArtifacts, Ledger
from ledger.schema import entries, heads, leaves
from workers.anchors import BRANCH, anchor, keep_once


@pytest.fixture
def place(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "heads.git")], check=True)
    return tmp_path / "heads.git"


def opened(folder: Path) -> Ledger:
    return Ledger.open(
        f"sqlite:///{folder / 'ledger.db'}",
        FolderArtifacts(folder / "artifacts"),
        signing_key=folder / "key",
        seal_seconds=None,
    )


def sealed(ledger: Ledger, *keys: str) -> None:
    now = datetime.now(UTC)
    for key in keys:
        ledger.append(Entry(key=key, kind="system", name="x", says=key, started_at=now, finished_at=now))
    ledger.seal()


def commits(place: Path) -> int:
    listed = subprocess.run(["git", "-C", str(place), "rev-list", BRANCH], capture_output=True, text=True, check=True)
    return len(listed.stdout.split())


def test_each_head_is_kept_once_and_nothing_is_kept_for_the_entry_of_that(tmp_path: Path, place: Path) -> None:
    kept = anchor(f"git:{place}")
    with opened(tmp_path) as ledger:
        assert keep_once(ledger, kept) == -1, "nothing is sealed yet"
        sealed(ledger, "a", "b")
        size = keep_once(ledger, kept)
        assert (size, commits(place)) == (2, 1)
        assert anchored(ledger).says.startswith("Head 1 over 2 entries is kept elsewhere")
        ledger.seal()
        assert (keep_once(ledger, kept, size), commits(place)) == (2, 1)
        sealed(ledger, "c", "d")
        assert (keep_once(ledger, kept, size), commits(place)) == (5, 2)
        newest = ledger.head()
        assert newest is not None
        kept.put(newest)
        assert commits(place) == 2
        assert [head.size for head in kept.heads()] == [2, 5]
        assert ledger.verify(known=kept.heads()).ok


def test_a_ledger_that_was_cut_off_is_found_by_what_was_kept(tmp_path: Path, place: Path) -> None:
    kept = anchor(f"git:{place}")
    with opened(tmp_path) as ledger:
        sealed(ledger, "a")
        sealed(ledger, "b")
        keep_once(ledger, kept)
        with ledger.store.write() as connection:
            for table in ("entries", "leaves", "heads"):
                connection.execute(sa.text(f"DROP TRIGGER {table}_no_delete"))
            connection.execute(sa.delete(heads).where(heads.c.number > 1))
            connection.execute(sa.delete(leaves).where(leaves.c.position > 0))
            connection.execute(sa.delete(entries).where(entries.c.id > 1))
        assert ledger.verify().ok, "by itself it can't see that"
        found = ledger.verify(known=kept.heads())
        assert not found.ok
        assert "cut off" in " ".join(found.problems)


def test_a_place_that_is_away_stops_nothing_and_is_told(tmp_path: Path) -> None:
    with opened(tmp_path) as ledger:
        sealed(ledger, "a")
        assert keep_once(ledger, anchor(f"git:{tmp_path / 'nowhere'}")) == -1
        found = anchored(ledger)
        assert (found.ok, "nowhere" in found.says, "COUNTERSIGN_LEDGER_ANCHOR" in found.fix) == (False, True, True)


def test_what_somebody_else_wrote_there_is_no_head(tmp_path: Path, place: Path) -> None:
    def git(*words: str, given: str = "") -> str:
        command = ["git", "-C", str(place), "-c", "user.name=x", "-c", "user.email=x@y", *words]
        return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout.strip()

    tree = git("mktree", given=f"100644 blob {git('hash-object', '-w', '--stdin', given='rubbish')}\theads.jsonl\n")
    git("update-ref", BRANCH, git("commit-tree", tree, "-m", "x"))
    with pytest.raises(AnchorFailed, match="no head"):
        anchor(f"git:{place}").heads()


@pytest.mark.parametrize("text", ["git:", "s4://x", "/srv/heads", "https://example.org/x.git"])
def test_what_is_no_place_is_named(text: str) -> None:
    with pytest.raises(BadInput, match="no place"):
        anchor(text)
