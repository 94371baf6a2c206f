"""Reading repositories, kind and hostile, through the real sandbox."""

import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.changelog.gather import ChangelogGathering
from activities.changelog.gitlog import LogReader, Record
from activities.repositories.git import failed
from activities.toolbox import Identity, Toolbox
from contracts.changelog import Gathered, GatherRequest, History
from contracts.errors import (
    AccessRefused,
    BadInput,
    ChangelogStructure,
    CountersignError,
    DiskFull,
    NotARepository,
    TookTooLong,
    UnknownRange,
)
from contracts.policy import SandboxPolicy
from contracts.records import EffectRecord
from contracts.steps import CHANGELOG_GATHER
from ledger import FolderArtifacts, Ledger
from sandboxes.bubblewrap import Bubblewrap
from sandboxes.protocol import Result
from tests.support.repositories import DAY, START, Commit, build, git, many, small, stream


@pytest.fixture(scope="module")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolbox]:
    state = tmp_path_factory.mktemp("state")
    artifacts = FolderArtifacts(state / "artifacts")
    ledger = Ledger.open(f"sqlite:///{state / 'ledger.db'}", artifacts)
    yield Toolbox(ledger, artifacts, Bubblewrap(state / "sandboxes"), None, Identity(), state)
    ledger.close()


async def gathered(toolbox: Toolbox, repository: Path | str, **more: object) -> tuple[Gathered, History]:
    request = GatherRequest.model_validate({"repository": str(repository), **more})
    found = await ChangelogGathering(toolbox).gather(request)
    return found, toolbox.artifacts.get_model(History, found.history)


def subjects(history: History) -> list[str]:
    return [change.subject for change in history.changes]


async def test_a_small_project(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo")
    git(folder, "remote", "add", "origin", "git@github.com:ada/demo.git")
    found, history = await gathered(toolbox, folder)
    assert subjects(history) == [
        "Add a colour option (#12)",
        "Fix the crash on empty input",
        "Merge pull request #14 from bob/side",
        "Bump actions/checkout from 3 to 4 (#15)",
    ]
    merge = history.changes[2]
    assert merge.merged == (("Try it out", ""),)
    assert merge.merged_authors == ("Bob",)
    assert merge.merged_shas == (git(folder, "rev-parse", "side"),)
    assert merge.body == "Support b files"
    assert [file.model_dump() for file in merge.files] == [{"path": "src/b.py", "added": 1, "deleted": 0}]
    assert history.base == git(folder, "rev-parse", "v1.0.0")
    assert history.base_says == "since tag v1.0.0"
    assert (history.branch, history.web_url) == ("main", "https://github.com/ada/demo")
    assert history.changelog_path == "CHANGELOG.md"
    assert history.changelog_text == git(folder, "show", "HEAD:CHANGELOG.md") + "\n"
    assert (found.commits, found.subject, found.releases) == (5, "ada/demo", 1)
    assert [change.subject for change in history.releases[0].changes] == ["Start", "Release 1.0.0"]
    assert "First release" in history.releases[0].changelog


# Ranges


async def test_a_range_by_tag_branch_sha_and_day(toolbox: Toolbox, tmp_path: Path) -> None:
    commits = [Commit(f"Change {n}", {"a": b"%d" % n}, time=START + n * DAY) for n in range(8)]
    folder = build(tmp_path / "r", commits)
    git(folder, "tag", "-am", "a tag of its own", "v2", "main~3")
    git(folder, "branch", "older", "main~5")
    sha = git(folder, "rev-parse", "main~1")
    day = datetime.fromtimestamp(START + 6 * DAY, UTC).date().isoformat()
    for since, count, says in [
        ("v2", 3, "since tag v2"),
        ("older", 5, "since branch older"),
        (sha, 1, f"since commit {sha[:12]}"),
        (sha[:8], 1, f"since commit {sha[:8]}"),
        (day, 2, f"since {day}"),
        ("2001-01-01", 8, "since 2001-01-01"),
        ("1970-01-02", 8, "since 1970-01-02"),
        ("1969-01-01", 8, "since 1969-01-01"),
    ]:
        found, history = await gathered(toolbox, folder, since=since)
        assert (found.commits, history.base_says) == (count, says)
    found, history = await gathered(toolbox, folder, since="older", until="v2")
    assert subjects(history) == ["Change 3", "Change 4"]


async def test_without_a_tag_the_last_four_weeks_count(toolbox: Toolbox, tmp_path: Path) -> None:
    times = [START, START + 10 * DAY, START + 50 * DAY, START + 60 * DAY]
    folder = build(tmp_path / "r", [Commit(f"At {t}", {"a": b"%d" % t}, time=t) for t in times])
    found, history = await gathered(toolbox, folder)
    assert found.commits == 2
    assert "four weeks" in history.base_says


async def test_the_last_signed_changelog_is_the_base(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "signed")
    until = git(folder, "rev-parse", "main~2")
    record = EffectRecord(
        key=f"test/{folder}",
        kind="git.commit_file",
        run="run-before",
        digest="sha256:" + "0" * 64,
        decision=f"sha256:{folder.name}",
        state="intent",
        subject=str(folder),
        intended_at=datetime.now(UTC),
    )
    toolbox.ledger.intend(record)
    toolbox.ledger.finish_effect(record.key, state="done", outcome={"until": until})
    _, history = await gathered(toolbox, folder)
    assert history.base == until
    assert history.base_says.startswith("since the last signed changelog")
    git(folder, "update-ref", "refs/heads/main", "main~3")
    _, history = await gathered(toolbox, folder)
    assert history.base_says == "since tag v1.0.0", "a base that is no ancestor any more is none"


async def test_an_empty_range_is_no_error(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo")
    git(folder, "tag", "v1.1.0", "main")
    found, _ = await gathered(toolbox, folder)
    assert (found.commits, found.base_says) == (0, "since tag v1.1.0")


async def test_what_is_not_there_is_named(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo")
    for more in ({"since": "v1.0.1"}, {"until": "mian"}, {"since": "2024-13-01"}, {"until": "a\nb"}):
        with pytest.raises(UnknownRange) as caught:
            await gathered(toolbox, folder, **more)
        assert next(iter(more.values())) in (caught.value.subject, caught.value.what)
        assert caught.value.way_out
    with pytest.raises(UnknownRange, match=re.escape("Did you mean v1.0.0?")):
        await gathered(toolbox, folder, since="v1.0.1")


# Repositories that are none, or hard to read


async def refusal(toolbox: Toolbox, repository: Path | str, **more: object) -> CountersignError:
    with pytest.raises(CountersignError) as caught:
        await gathered(toolbox, repository, **more)
    assert caught.value.way_out
    assert not caught.value.retryable
    return caught.value


async def test_what_is_no_repository_is_refused(toolbox: Toolbox, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    for path, says in [("absent", "nothing at this path"), ("file", "is a file"), ("folder", "has a .git")]:
        error = await refusal(toolbox, tmp_path / path)
        assert isinstance(error, NotARepository)
        assert says in error.what
        assert path in error.what


@pytest.mark.parametrize(
    "name", ["--upload-pack=touch /tmp/owned", "-c", "ext::sh -c touch% /tmp/owned", "http://example.org/r.git", " "]
)
async def test_a_name_is_never_an_option(toolbox: Toolbox, name: str) -> None:
    assert isinstance(await refusal(toolbox, name), BadInput)
    assert not Path("/tmp/owned").exists()


async def test_a_password_in_a_url_is_refused_and_not_repeated(toolbox: Toolbox) -> None:
    error = await refusal(toolbox, "https://ada:hunter2@example.org/r.git")
    assert "hunter2" not in str(error) + error.subject


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
async def test_a_folder_that_may_not_be_read(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo")
    (folder / ".git").chmod(0)
    assert isinstance(await refusal(toolbox, folder), AccessRefused)


async def test_a_repository_without_commits(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = build(tmp_path / "r", [])
    error = await refusal(toolbox, folder)
    assert isinstance(error, UnknownRange)
    assert "no commits yet" in error.what


async def test_a_broken_repository(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo")
    shutil.rmtree(folder / ".git/objects")
    (folder / ".git/objects").mkdir()
    error = await refusal(toolbox, folder)
    assert isinstance(error, NotARepository)
    assert str(folder) in error.what


async def test_a_repository_that_takes_too_long(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo")
    error = await refusal(toolbox, folder, sandbox=SandboxPolicy(wall_seconds=0.001))
    assert isinstance(error, TookTooLong)
    assert str(folder) in error.what


def test_a_disk_that_is_full() -> None:
    said = Result(128, b"", b"fatal: write error: No space left on device\n", 0.1)
    error = failed(said, "/r")
    assert isinstance(error, DiskFull)
    assert error.subject == "/r"


def test_a_url_that_nobody_answers_is_not_called_damaged() -> None:
    said = b"fatal: unable to access 'https://nobody.invalid/': Could not resolve host: nobody.invalid\n"
    error = failed(Result(128, b"", said, 0.1), "https://nobody.invalid/")
    assert "Could not resolve host" in error.what
    assert error.way_out.startswith("Check the address")


async def test_borrowed_objects_are_refused(toolbox: Toolbox, tmp_path: Path) -> None:
    small(tmp_path / "a")
    git(tmp_path, "clone", "--quiet", "--shared", "a", "b")
    assert "borrows its objects" in (await refusal(toolbox, tmp_path / "b")).what


async def test_a_partial_clone_is_named(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo")
    git(folder, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--bare", "--filter=blob:none", f"file://{folder}", "partial")
    assert "--refetch" in (await refusal(toolbox, tmp_path / "partial")).way_out


async def test_other_places_of_the_git_folder(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo", checkout=True)
    git(folder, "worktree", "add", "--quiet", "-b", "topic", str(tmp_path / "linked"), "main~1")
    git(tmp_path, "clone", "--quiet", "--bare", "demo", "bare.git")
    git(tmp_path, "clone", "--quiet", "--separate-git-dir", str(tmp_path / "elsewhere"), "demo", "apart")
    _, linked = await gathered(toolbox, tmp_path / "linked")
    assert (linked.branch, linked.head) == ("topic", git(folder, "rev-parse", "main~1"))
    for other in (tmp_path / "bare.git", tmp_path / "apart", folder / "src", f"file://{folder}"):
        _, history = await gathered(toolbox, other)
        assert history.head == git(folder, "rev-parse", "main")
    for other in (folder, folder / "src", folder / ".git", folder / ".git" / "refs"):
        _, history = await gathered(toolbox, other)
        assert history.repository == str(folder), "one repository has one name, or its last signed one is not found"


async def test_a_detached_head(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo", checkout=True)
    git(folder, "checkout", "--quiet", "--detach", "main~1")
    _, history = await gathered(toolbox, folder)
    assert (history.head, history.branch) == (git(folder, "rev-parse", "main~1"), "")


async def test_a_shallow_clone_says_so(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo")
    git(tmp_path, "clone", "--quiet", "--depth=2", f"file://{folder}", "shallow")
    found, _ = await gathered(toolbox, tmp_path / "shallow")
    assert "shallow" in found.truncated
    error = await refusal(toolbox, tmp_path / "shallow", since=git(folder, "rev-parse", "v1.0.0"))
    assert "--unshallow" in error.way_out


# Hostile ones


async def test_nothing_in_a_repository_runs_or_leads_out(toolbox: Toolbox, tmp_path: Path) -> None:
    """Hooks, configured programs, links out of the tree, submodules, filters: all there, none alive."""
    mark = tmp_path / "owned"
    run = f"touch {mark}"
    secret = tmp_path / "secret"
    secret.write_text("top secret")
    folder = build(
        tmp_path / "hostile",
        [
            Commit(
                "Look harmless",
                {
                    "CHANGELOG.md": b"# Changelog\n",
                    "leak": ("120000", str(secret).encode()),
                    "up": ("120000", b"../../../../etc/passwd"),
                    ".gitattributes": b"* filter=evil diff=evil merge=evil\n",
                    ".gitmodules": b'[submodule "x"]\n\tpath = x\n\turl = --upload-pack=' + run.encode() + b"\n",
                    "--upload-pack=touch owned": b"x\n",
                    "-c": b"x\n",
                },
            )
        ],
    )
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc", "upload-pack"):
        path = folder / ".git/hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{run}\n")
        path.chmod(0o755)
    config = {
        "core.fsmonitor": run, "core.pager": run, "core.sshCommand": run, "core.gitProxy": run,
        "diff.external": run, "diff.evil.textconv": run, "diff.evil.command": run, "filter.evil.smudge": run,
        "filter.evil.process": run, "uploadpack.packObjectsHook": run, "gpg.program": run, "log.showSignature": "true",
        "alias.log": f"!{run}", "credential.helper": f"!{run}", "include.path": str(secret),
    }  # fmt: skip
    for key, value in config.items():
        git(folder, "config", key, value)
    found, history = await gathered(toolbox, folder)
    assert found.commits == 1
    assert not mark.exists()
    assert "top secret" not in history.model_dump_json()
    assert "--upload-pack=touch owned" in {file.path for file in history.changes[0].files}


async def test_a_changelog_that_is_a_link_is_refused(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = build(tmp_path / "r", [Commit("Link", {"CHANGELOG.md": ("120000", b"/etc/passwd")})])
    error = await refusal(toolbox, folder)
    assert isinstance(error, ChangelogStructure)
    assert "a symbolic link" in error.what


async def test_names_and_messages_of_any_bytes(toolbox: Toolbox, tmp_path: Path) -> None:
    names: dict[str | bytes, bytes | tuple[str, bytes] | None] = {
        b"bin\xff\xfe": b"\0\1\2\0",
        "new\nline\ttab": b"x\n",
        'quo"te\\': b"x\n",
        "n" * 255: b"x\n",
        "--upload-pack=x": b"x\n",
        ":(glob)**": b"x\n",
    }
    folder = build(
        tmp_path / "r",
        [
            Commit(b"caf\xe9 \x1b[31m red\x1e\x01", names, author="Zo\u00eb <z@example.org>"),
            Commit("1\t2\tlooks like a file\n\n" + "3\t4\tbody", {"a": b"x\n"}),
            Commit("", {"a": b"y\n"}),
            Commit("0" * 40, {"a": b"z\n"}),
        ],
    )
    found, history = await gathered(toolbox, folder)
    assert found.commits == 4
    first, second, third, fourth = history.changes
    assert first.author == "Zo\u00eb"
    assert {file.path for file in first.files} == {
        "bin\ufffd\ufffd", "new\nline\ttab", 'quo"te\\', "n" * 255, "--upload-pack=x", ":(glob)**"
    }  # fmt: skip
    assert next(file.added for file in first.files if file.path.startswith("bin")) == -1
    assert (second.subject, second.body, len(second.files)) == ("1\t2\tlooks like a file", "3\t4\tbody", 1)
    assert (third.subject, fourth.subject) == ("", "0" * 40)


@pytest.mark.parametrize("ref", ["--upload-pack=x", "-rf", "--output=/tmp/owned"])
async def test_a_ref_is_never_an_option(toolbox: Toolbox, tmp_path: Path, ref: str) -> None:
    folder = small(tmp_path / "demo")
    (folder / ".git/refs/tags" / ref.replace("/", "")).write_text(git(folder, "rev-parse", "main~1") + "\n")
    assert isinstance(await refusal(toolbox, folder, since=ref), UnknownRange)
    assert isinstance(await refusal(toolbox, folder, until=ref), UnknownRange)
    found, _ = await gathered(toolbox, folder)
    assert found.commits in (2, 5)


async def test_a_changelog_path_stays_inside(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo")
    for path in ("../x.md", "/etc/passwd", ".git/config", "a\nb"):
        assert isinstance(await refusal(toolbox, folder, changelog_path=path), BadInput)
    _, history = await gathered(toolbox, folder, changelog_path="--output=x.md")
    assert (history.changelog_path, history.changelog_text) == ("--output=x.md", None)


def within(limit: timedelta) -> ActivityEnvironment:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, start_to_close_timeout=limit)
    return environment


async def test_it_gives_up_before_temporal_would(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo")
    gather = ChangelogGathering(toolbox).gather
    with pytest.raises(TookTooLong, match="demo"):
        await within(timedelta(seconds=5.01)).run(gather, GatherRequest(repository=str(folder)))
    assert list((toolbox.state / "sandboxes/boxes").iterdir()) == []


async def test_fifty_thousand_commits(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = build(tmp_path / "r", many(50_000))
    beats: list[str] = []
    environment = within(CHANGELOG_GATHER.timeout)
    environment.on_heartbeat = lambda says: beats.append(says)
    first = git(folder, "rev-list", "--max-parents=0", "main")
    began = time.monotonic()
    found = await environment.run(
        ChangelogGathering(toolbox).gather, GatherRequest(repository=str(folder), since=first)
    )
    assert found.commits == 49_999
    assert time.monotonic() - began < 60
    assert any(re.match(r"read [\d,]+ commits", says) for says in beats)


# Where the changelog is


@pytest.mark.parametrize(
    ("files", "path"),
    [
        (["CHANGES.rst", "README.md"], "CHANGES.rst"),
        (["History.md", "docs/changelog.md"], "History.md"),
        (["docs/changelog.md"], "docs/changelog.md"),
        (["NEWS"], "NEWS"),
        (["changes/1.fix.md", "NEWS.rst"], "NEWS.rst"),
        (["changelog.adoc"], "changelog.adoc"),
        (["README.md"], "CHANGELOG.md"),
    ],
)
async def test_the_changelog_is_found(toolbox: Toolbox, tmp_path: Path, files: list[str], path: str) -> None:
    folder = build(tmp_path / "r", [Commit("Start", dict.fromkeys(files, b"x\n"))])
    _, history = await gathered(toolbox, folder)
    assert history.changelog_path == path


async def test_a_named_changelog_deep_in_the_tree(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = build(tmp_path / "r", [Commit("Start", {"a/b/LOG.md": b"# L\n", "CHANGELOG.md": b"# C\n"})])
    _, history = await gathered(toolbox, folder, changelog_path="a/b/LOG.md")
    assert (history.changelog_path, history.changelog_text) == ("a/b/LOG.md", "# L\n")


async def test_releases_without_tags_are_read_from_the_changelog(toolbox: Toolbox, tmp_path: Path) -> None:
    one, two = b"# C\n\n## 1.0\n\n- a\n", b"# C\n\n## 1.1\n\n- b\n\n## 1.0\n\n- a\n"
    commits = [
        Commit("a", {"a": b"1"}),
        Commit("Release 1.0", {"CHANGELOG.md": one}),
        Commit("b", {"a": b"2"}),
        Commit("Release 1.1", {"CHANGELOG.md": two}),
        Commit("c", {"a": b"3"}),
    ]
    _, history = await gathered(toolbox, build(tmp_path / "r", commits), since="main~1")
    assert [(r.version, [c.subject for c in r.changes], r.changelog) for r in history.releases] == [
        ("1.0", ["a", "Release 1.0"], "- a"),
        ("1.1", ["b", "Release 1.1"], "- b"),
    ]


async def test_the_mailmap_names_people(toolbox: Toolbox, tmp_path: Path) -> None:
    files: dict[str | bytes, bytes | tuple[str, bytes] | None] = {
        ".mailmap": b"Ada Lovelace <ada@example.org> <old@example.org>\n"
    }
    folder = build(tmp_path / "r", [Commit("x", files, author="a <old@example.org>")])
    _, history = await gathered(toolbox, folder)
    assert history.changes[0].author == "Ada Lovelace"


# URLs


async def test_a_url_is_mirrored_and_kept_fresh(toolbox: Toolbox, served: tuple[Path, str]) -> None:
    folder, url = served
    found, history = await gathered(toolbox, url)
    assert (found.commits, history.repository, history.branch) == (5, url, "main")
    stream(folder, [Commit("One more", {"z": b"z"}, start="main")])
    (mirror,) = (toolbox.state / "mirrors").glob("127.0.0.1-*.git")
    (mirror / "HEAD.lock").write_text("left by a killed process")
    found, _ = await gathered(toolbox, url)
    assert found.commits == 6


async def test_a_url_that_is_not_there(toolbox: Toolbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    error = await refusal(toolbox, f"git://127.0.0.1:{port}/nothing.git")
    assert str(port) in error.what


# The parser, on its own


@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096])
def test_chunks_may_be_cut_anywhere(size: int) -> None:
    head = [b"a" * 40, b"b" * 40, b"5", b"Ada", b"a@b", b"subject", b"body\n"]
    data = b"\0".join([*head, b"\n1\t2\tx\ny", b"-\t-\tbin", *head]) + b"\0"
    found: list[Record] = []
    reader = LogReader(found.append)
    for at in range(0, len(data), size):
        reader.feed(data[at : at + size])
    reader.close()
    assert [record.files for record in found] == [[("x\ny", 1, 2), ("bin", -1, -1)], []]
    assert found[0].subject == "subject"


@pytest.mark.parametrize("remote", ["https://example.org:port/a/b", "https://[", "javascript://x/%0aalert(1)"])
async def test_a_remote_that_is_no_address_gives_no_links(toolbox: Toolbox, tmp_path: Path, remote: str) -> None:
    folder = small(tmp_path / "demo")
    with (folder / ".git" / "config").open("a") as config:
        config.write(f'[remote "origin"]\n\turl = "{remote}"\n')
    _, history = await gathered(toolbox, folder)
    assert history.web_url == ""


@pytest.mark.parametrize("name", ["file://[x", "https://["])
async def test_a_url_that_cannot_be_read_is_named(toolbox: Toolbox, name: str) -> None:
    assert isinstance(await refusal(toolbox, name), BadInput)
