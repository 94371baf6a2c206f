"""The order in which a Temporal server is looked for, and what is said when there is none."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.errors import TemporalUnavailable
from workers.devserver import building, downloading, find, kept_path, look

Fake = Callable[..., Path]
Program = Callable[[Path, str], Path]


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it but a shell's own needs, and no proxy to a download."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's real downloader, pointed at a proxy that nobody runs."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")


async def test_the_path_comes_before_what_was_kept(tmp_path: Path, bare_path: Path, fake_temporal: Fake) -> None:
    fake_temporal(kept_path(tmp_path).parent, "1.28.0")
    on_path = fake_temporal(bare_path, "1.29.1")
    found, _ = await look(tmp_path)
    assert found is not None
    assert (found.path, found.server) == (on_path, "1.29.1")


async def test_one_kept_from_last_time_is_used(tmp_path: Path, bare_path: Path, fake_temporal: Fake) -> None:
    kept = fake_temporal(kept_path(tmp_path).parent)
    said: list[str] = []
    found = await find(tmp_path, said.append)
    assert found.path == kept
    assert said == []


@pytest.mark.parametrize(
    "body",
    ["exit 1", "echo something else", "kill -9 $$", "echo 'Server 1.29.1'; exit 3"],
    ids=["fails", "is another program", "crashes", "answers and fails"],
)
async def test_a_damaged_binary_is_passed_over(
    tmp_path: Path, bare_path: Path, program: Program, fake_temporal: Fake, body: str
) -> None:
    program(bare_path / "temporal", body)
    kept = fake_temporal(kept_path(tmp_path).parent)
    found, tried = await look(tmp_path)
    assert found is not None
    assert found.path == kept
    assert "damaged or half-built" in tried[0]


async def test_a_half_written_binary_is_passed_over(tmp_path: Path, bare_path: Path) -> None:
    kept = kept_path(tmp_path)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"\x7fELF" + bytes(100))
    kept.chmod(0o755)
    found, tried = await look(tmp_path)
    assert found is None
    assert str(kept) in tried[1]


async def test_without_anything_it_says_what_was_tried_and_the_way_out(
    tmp_path: Path, bare_path: Path, no_download: None
) -> None:
    with pytest.raises(TemporalUnavailable) as caught:
        await find(tmp_path, lambda _: None)
    said = str(caught.value)
    for expected in ("on the path", "kept from last time", "downloaded", "no `go` on the path", "TEMPORAL_ADDRESS"):
        assert expected in said
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


async def test_it_is_built_with_go_and_kept(
    tmp_path: Path, bare_path: Path, no_download: None, program: Program
) -> None:
    """A stand-in `go` that writes a binary as the real one does, with its chatter."""
    answer = 'echo "temporal version 1.5.1 (Server 1.29.1, UI 2)"'
    program(
        bare_path / "go",
        f"""echo "go: downloading go.temporal.io/server v1.29.1" >&2
test "$1 $3" = "install github.com/temporalio/cli/cmd/temporal@v1.5.1" || exit 9
printf '#!/bin/sh\\n%s\\n' '{answer}' > "$GOBIN/temporal"
/bin/chmod +x "$GOBIN/temporal" """,
    )
    found = await find(tmp_path, lambda _: None)
    assert (found.path, found.server) == (kept_path(tmp_path), "1.29.1")
    assert "go install" in found.how
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["bin", "temporal-1.5.1"]


async def test_a_failing_build_says_why(tmp_path: Path, bare_path: Path, no_download: None, program: Program) -> None:
    program(bare_path / "go", 'echo "dial tcp: no route to the module proxy" >&2; exit 1')
    with pytest.raises(TemporalUnavailable, match="no route to the module proxy"):
        await find(tmp_path, lambda _: None)


async def test_a_cancelled_build_leaves_no_compiler_and_no_half_binary(
    tmp_path: Path, bare_path: Path, program: Program
) -> None:
    pid_file = tmp_path / "pid"
    program(bare_path / "go", f'echo $$ > {pid_file}; echo half > "$GOBIN/temporal"; while :; do /bin/sleep 1; done')
    building_it = asyncio.create_task(building.build(tmp_path, "1.5.1", lambda _: None))
    while not (pid_file.exists() and pid_file.read_text().strip()):
        await asyncio.sleep(0.02)
    building_it.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building_it
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
    assert not list(tmp_path.glob(".build-*"))


async def test_two_processes_do_not_build_at_once(
    tmp_path: Path, bare_path: Path, no_download: None, program: Program
) -> None:
    """Both ask at the same time; the stand-in compiler runs once, and both get the same binary."""
    log = tmp_path / "log"
    body = "#!/bin/sh\\necho Server 1.29.1"
    program(
        bare_path / "go",
        f"""echo built >> {log}; /bin/sleep 0.3
printf '{body}\\n' > "$GOBIN/temporal"; /bin/chmod +x "$GOBIN/temporal" """,
    )
    said: list[str] = []
    one, two = await asyncio.gather(find(tmp_path, said.append), find(tmp_path, said.append))
    assert one.path == two.path
    assert log.read_text() == "built\n"
    assert any("Another process" in line for line in said)


async def test_an_unreachable_download_fails_fast(tmp_path: Path, no_download: None) -> None:
    began = asyncio.get_running_loop().time()
    with pytest.raises(downloading.NotDownloaded):
        await downloading.download(tmp_path, "1.5.1", lambda _: None)
    assert asyncio.get_running_loop().time() - began < 20
    assert list(tmp_path.iterdir()) == []


def test_progress_says_what_is_compiled_and_how_long_it_takes() -> None:
    progress = building._Progress(lambda _: None)
    progress.note("go: downloading go.temporal.io/server v1.29.1")
    assert "downloading go.temporal.io/server" in progress.sentence()
    progress.note("go.temporal.io/server/common")
    assert "compiling go.temporal.io/server/common" in progress.sentence()
    assert "s to go" in progress.sentence()
