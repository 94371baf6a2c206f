"""The demo's footing: its folder, its range, and that it spends nothing. The story itself is in tests/e2e."""

import subprocess
from pathlib import Path

import pytest

from contracts.errors import NotARepository, StateUnusable
from workers.demo.repository import LOOK_BACK, clone_of, git, head_of, since
from workers.demo.stage import MARKER, fault_file, fresh, plans_for, settings_for


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True)
    return folder


def commit(repository: Path, times: int = 1) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for number in range(times):
        git(repository, *who, "commit", "-q", "--allow-empty", "-m", f"Change {number}")


def test_a_folder_of_somebody_else_is_never_removed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    with pytest.raises(StateUnusable, match="is not a demo's folder"):
        fresh(tmp_path)
    assert precious.read_text() == "mine"


def test_the_folder_is_made_afresh_each_time(tmp_path: Path) -> None:
    folder = tmp_path / ".demo"
    fresh(folder)
    (folder / "ledger.db").write_text("old")
    fresh(folder)
    assert [path.name for path in folder.iterdir()] == [MARKER]
    assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_without_a_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotARepository, match=str(tmp_path)):
        head_of(tmp_path)


def test_a_repository_without_commits_is_named(repository: Path) -> None:
    with pytest.raises(NotARepository):
        head_of(repository)


def test_a_short_history_is_taken_whole(repository: Path) -> None:
    commit(repository, 3)
    assert since(repository) == "1970-01-01"


def test_a_long_history_is_taken_from_its_last_commits(repository: Path) -> None:
    commit(repository, LOOK_BACK + 2)
    assert git(repository, "rev-list", "--count", f"{since(repository)}..HEAD").strip() == str(LOOK_BACK)


def test_a_shallow_checkout_can_be_cloned(repository: Path, tmp_path: Path) -> None:
    commit(repository, 3)
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth=1", repository.as_uri(), shallow], check=True)
    clone = clone_of(shallow, tmp_path / "clone")
    assert head_of(clone) == head_of(repository)
    assert since(clone) == "1970-01-01"


def test_hooks_and_monitors_of_the_repository_do_not_run(repository: Path, tmp_path: Path) -> None:
    commit(repository)
    marker = tmp_path / "ran"
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        hook = repository / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
        hook.chmod(0o755)
    git(repository, "config", "core.fsmonitor", f"touch {marker}; false")
    clone_of(repository, tmp_path / "clone")
    head_of(repository)
    git(repository, "show", "--stat", "HEAD")
    assert not marker.exists()


def test_no_model_key_reaches_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "sk-sentinel")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "production:7233")
    settings = settings_for(tmp_path)
    assert settings.demo
    for plan in plans_for(settings):
        assert "sk-sentinel" not in plan.environment.values()
        assert plan.environment["COUNTERSIGN_TEMPORAL_ADDRESS"] == ""
        assert plan.environment["COUNTERSIGN_DEMO"] == "True"
    assert settings.address == f"127.0.0.1:{settings.temporal_port}"


def test_only_the_effects_worker_has_a_fault_and_it_starts_unarmed(tmp_path: Path) -> None:
    plans = {plan.name: plan for plan in plans_for(settings_for(tmp_path))}
    assert plans["effects"].environment["COUNTERSIGN_FAULT_ONCE"] == str(fault_file(settings_for(tmp_path)))
    assert "COUNTERSIGN_FAULT" not in plans["agents"].environment
