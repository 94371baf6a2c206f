"""Files: written, read and listed below /work, whatever their names are and whatever lies there."""

from pathlib import Path

import pytest

from contracts.errors import AccessRefused, BadInput, CountersignError, NotFound
from sandboxes import Sandbox


async def test_files_are_written_read_and_listed(box: Sandbox) -> None:
    name = "n" * 255
    await box.write(f"/work/a/{name}", b"\xff\x00", mode=0o755)
    await box.write("a/plain", b"")
    assert await box.read(f"a/{name}") == b"\xff\x00"
    assert await box.list("a") == [name, "plain"]
    assert await box.list() == ["a/"]
    assert (await box.exec(["test", "-x", f"a/{name}"])).exit_code == 0
    with pytest.raises(BadInput):
        await box.write("n" * 256, b"")
    with pytest.raises(BadInput, match="larger"):
        await box.read(f"a/{name}", limit=1)
    with pytest.raises(NotFound):
        await box.read("nothing")
    for path in ("", ".", "..", "/work"):
        with pytest.raises(BadInput):
            await box.write(path, b"x")


async def test_a_name_that_is_not_utf8(box: Sandbox) -> None:
    await box.exec(["sh", "-c", r"printf x > $(printf 'caf\351')"])
    (name,) = await box.list()
    assert await box.read(name) == b"x"


async def test_what_one_writes_the_other_can_change(box: Sandbox) -> None:
    await box.write("deep/er/given", b"one\n")
    assert (await box.exec(["sh", "-c", "cat given; echo two >> given; rm -f given.bak"], cwd="deep/er")).exit_code == 0
    assert await box.read("deep/er/given") == b"one\ntwo\n"
    await box.exec(["sh", "-c", "mkdir made; echo inside > made/file; chmod 700 made"])
    await box.write("made/file", b"outside")
    assert (await box.exec(["cat", "made/file"])).stdout == b"outside"


async def test_no_link_leads_out(box: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"the host's own")
    script = f"ln -s {tmp_path} out; ln -s /proc/self/root{tmp_path} magic; ln -s / root; mkfifo pipe"
    await box.exec(["sh", "-c", script])
    for path in ("out/secret", "magic/secret", f"root{tmp_path}/secret", "../../../etc/passwd", "/etc/passwd", "pipe"):
        with pytest.raises(CountersignError):
            await box.read(path)
    for path in ("out/planted", "root/tmp/made", "/etc/planted", "../planted"):
        with pytest.raises((AccessRefused, BadInput)):
            await box.write(path, b"x")
    with pytest.raises(CountersignError):
        await box.list("out")
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
