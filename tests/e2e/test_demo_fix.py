"""`countersign demo-fix` with nobody at the keyboard: the whole way on a small repository; the real one's making."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.repositories import Commit, build, git
from tests.workflows.test_changelog import state_of
from workers.demo.index import index_url
from workers.demo.release import BOLTONS, prepared
from workers.devserver import Binary

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:9/simple"
SENTENCES = (
    "add() subtracts",
    "1 fail",
    "edits tried",
    "On approval   1. Commit 1 file",
    "Nobody is at the keyboard",
    "and merged into main",
    "Its tests, run once more in a new sandbox: 2 pass, 0 fail",
    "Nothing is left running",
    "none was changed or removed",
    "+    return a + b",
    "your own repository was not touched",
    "$0.00 for models",
)
FILES = {
    "calc.py": b"def add(a, b):\n    return a - b\n",
    "test_calc.py": b"from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n\n\n"
    b"def test_zero():\n    assert add(4, 0) == 4\n",
}


def demo_fix(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workers", "demo-fix", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "CI": "true", "NO_COLOR": "1", "HOME": str(folder)}
        | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_a_bug_of_ones_own_is_fixed_signed_and_merged(temporal_binary: Binary, tmp_path: Path) -> None:
    repository = build(tmp_path / "app", [Commit("Start", FILES)])
    before = state_of(repository)
    ticket = tmp_path / "ticket.md"
    ticket.write_text("# add() subtracts\n\nadd(2, 3) gives -1.\n")
    path = f"{temporal_binary.path.parent}:{os.environ['PATH']}"
    done = demo_fix(tmp_path, "--repo", str(repository), "--ticket", str(ticket), PATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    for sentence in SENTENCES:
        assert sentence in done.stdout, f"{sentence!r} is missing:\n{done.stdout}"
    assert git(tmp_path / ".demo/app.git", "rev-list", "--count", "main") == "2"
    assert state_of(repository) == before
    left = [each for each in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(each.info["cmdline"] or [])]
    assert left == []


def test_the_real_bug_is_that_of_two_releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository with both commits; and once the releases are kept, no index is asked."""
    kept, folder = tmp_path / "kept", tmp_path / "second"
    folder.mkdir()
    # In a process of its own, where the index may be asked: no test of this one reaches anything but this host.
    fetch = "import sys; from pathlib import Path; from workers.demo.release import BOLTONS, prepared; "
    fetch += "prepared(BOLTONS, Path(sys.argv[1]), Path(sys.argv[2]))"
    done = subprocess.run(
        [sys.executable, "-c", fetch, str(tmp_path), str(kept)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if "IndexUnreachable" in done.stderr:
        pytest.skip(done.stderr.splitlines()[-1])
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("PIP_INDEX_URL", NOBODY)
    case = prepared(BOLTONS, folder, kept)
    assert case.released == ("if abs_bytes < next_size:",)
    assert git(case.repository, "diff", "--name-only", "main~1", "main").split() == [*BOLTONS.also, BOLTONS.tests]
    assert "if abs_bytes <= next_size:" in git(case.repository, "show", f"main:{BOLTONS.source}")


def test_without_an_index_it_says_so_and_names_the_other_way(tmp_path: Path) -> None:
    done = demo_fix(tmp_path, PIP_INDEX_URL=NOBODY, COLUMNS="200")
    assert done.returncode == 1
    assert "can't be had from the package index 127.0.0.1" in done.stderr
    assert "make demo-fix REPO=path TICKET=file" in done.stderr
    assert "Temporal" not in done.stdout


def test_a_repository_without_a_ticket_is_asked_for_one(tmp_path: Path) -> None:
    done = demo_fix(tmp_path, "--repo", str(tmp_path))
    assert done.returncode == 2
    assert "needs a ticket" in done.stderr


def test_the_index_is_the_one_that_pip_and_uv_are_set_to(tmp_path: Path) -> None:
    own = tmp_path / "pip.conf"
    own.write_text("[global]\nindex-url = https://one.example/simple\n")
    given = {"PIP_CONFIG_FILE": str(own), "XDG_CONFIG_HOME": str(tmp_path)}
    assert index_url(given, tmp_path) == "https://one.example/simple"
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv/uv.toml").write_text('[[index]]\nurl = "https://two.example/simple"\ndefault = true\n')
    assert index_url(given, tmp_path) == "https://two.example/simple"
    named = given | {"UV_DEFAULT_INDEX": "own=https://three.example/simple"}
    assert index_url(named, tmp_path) == "https://three.example/simple"
