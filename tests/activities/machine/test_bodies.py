"""What a message carries of a body, and what lies in the artifact store."""

from pathlib import Path

from activities.machine import bodies
from activities.machine.bodies import Collector, body_of
from activities.machine.calls import command
from ledger import FolderArtifacts


async def test_a_short_text_travels_whole_and_leaves_no_artifact(tmp_path: Path) -> None:
    body = await body_of("grün\n".encode(), FolderArtifacts(tmp_path))
    assert (body.text, body.size, body.ref) == ("grün\n", 6, "")
    assert list(tmp_path.iterdir()) == []


async def test_bytes_that_are_no_text_are_kept_beside_what_is_shown(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path)
    body = await body_of(b"\xff\x00a", artifacts)
    assert (body.head, artifacts.get(body.ref)) == ("�\x00a", b"\xff\x00a")


async def test_a_long_one_shows_both_ends_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path)
    data = b"start " + b"x" * 200_000 + b" end"
    body = await body_of(data, artifacts)
    assert artifacts.get(body.ref) == data
    assert (len(body.head), len(body.tail), body.cut) == (bodies.HEAD, bodies.TAIL, False)
    assert body.text.startswith("start x")
    assert body.text.endswith("x end")
    assert "200,010 bytes in all" in body.text


async def test_more_than_is_kept_is_cut_and_its_end_is_still_its_end(tmp_path: Path) -> None:
    artifacts, collector = FolderArtifacts(tmp_path), Collector()
    for number in range(200):
        collector.take(b"%03d" % number * (100_000))
    body = await collector.body(artifacts)
    assert (body.size, body.cut, len(artifacts.get(body.ref))) == (60_000_000, True, bodies.KEPT)
    assert body.tail.endswith("199199")


def test_a_command_line_in_words_is_one_short_line_that_hides_nothing() -> None:
    assert command(("sh", "-c", "echo a\necho b")) == "sh -c 'echo a⏎echo b'"
    assert command(("x", "\u202eevil")) == "x '⟨U+202E⟩evil'"
    assert len(command(("x" * 500,))) == 120
