"""A report's snippet in a container of the image that a bug triage names for its language."""

from pathlib import Path

from activities.bug_triage.trying import tried
from contracts.bugs import Issue
from sandboxes import choose
from sandboxes.docker.engine import IMAGE
from workflows.bug_triage import trial


async def test_a_snippet_is_tried_in_the_image_of_its_language(docker_engine: None, tmp_path: Path) -> None:
    provider = choose(tmp_path)
    python = Issue(key="7", title="KeyError", body="```python\nraise KeyError(1)\n```")
    script = Issue(key="8", title="It breaks", body="```js\nx\n```")
    async with await provider.create(trial("python", IMAGE), owner="test") as sandbox:
        await sandbox.write("repository/README", b"")
        assert (await tried(sandbox, "repository", python)).state == "reproduced"
        assert "no node in the sandbox image" in (await tried(sandbox, "repository", script)).says
    await provider.close()
