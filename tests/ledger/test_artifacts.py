"""Artifacts: under their hash, whole, checked when read."""

import os
from pathlib import Path

import pytest

from contracts.errors import AccessRefused, ArtifactDamaged, BadInput, NotFound
from contracts.proposal import Check
from ledger import FolderArtifacts

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def artifacts(tmp_path: Path) -> FolderArtifacts:
    return FolderArtifacts(tmp_path / "artifacts")


@pytest.mark.parametrize("data", [b"", b"words", bytes(range(256)) * 1000])
def test_bytes_come_back(artifacts: FolderArtifacts, data: bytes) -> None:
    ref = artifacts.put(data)
    assert artifacts.put(data) == ref
    assert artifacts.get(ref) == data
    assert artifacts.has(ref)


def test_a_reference_is_the_plain_hash(artifacts: FolderArtifacts) -> None:
    assert not artifacts.has(EMPTY)
    assert artifacts.put(b"") == EMPTY


def test_models_come_back(artifacts: FolderArtifacts) -> None:
    check = Check(name="cites", passed=True, says="Zażółć")
    assert artifacts.get_model(Check, artifacts.put_model(check)) == check


def test_what_is_not_there(artifacts: FolderArtifacts) -> None:
    with pytest.raises(NotFound):
        artifacts.get(EMPTY)
    for odd in ("", "sha256:", "sha256:../../../etc/passwd", EMPTY.upper(), EMPTY + "0", f"{EMPTY}\n"):
        with pytest.raises(BadInput):
            artifacts.get(odd)


def test_a_changed_file_is_refused_and_put_heals_it(artifacts: FolderArtifacts) -> None:
    ref = artifacts.put(b"words")
    path = next(path for path in artifacts.folder.rglob("*") if path.is_file())
    path.chmod(0o600)
    path.write_bytes(b"other")
    with pytest.raises(ArtifactDamaged, match=ref):
        artifacts.get(ref)
    assert artifacts.put(b"words") == ref
    assert artifacts.get(ref) == b"words"


def test_nothing_temporary_is_left(artifacts: FolderArtifacts) -> None:
    artifacts.put(b"words")
    assert [path.name for path in artifacts.folder.rglob(".*")] == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AccessRefused, match="file"):
        FolderArtifacts(tmp_path / "file" / "artifacts").put(b"words")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(AccessRefused):
        FolderArtifacts(tmp_path / "artifacts").put(b"words")
