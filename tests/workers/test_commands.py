"""The commands as a person meets them: rubbish, nothing there yet, no server. Never a traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.errors import BadInput
from workers.cli import decisions
from workers.client import in_words
from workers.processes import free_port

ROOT = Path(__file__).parents[2]


def environment(state: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(state),
        "COUNTERSIGN_STATE": str(state),
        "COUNTERSIGN_TEMPORAL_PORT": str(free_port()),
        "NO_COLOR": "1",
    }


def countersign(state: Path, *words: str, **more: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "workers", *words]
    done = subprocess.run(
        command, env=environment(state) | more, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    # Where a box breaks its lines depends on how long the paths in them are.
    return done.returncode, " ".join((done.stdout + done.stderr).replace("│", " ").split())


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("runs",), 0, "No runs yet."),
        (("runs", "--state", "waiting"), 0, "No runs that are waiting."),
        (("runs", "--state", "sleeping"), 2, "There are: running, waiting"),
        (("runs", "--limit", "-1"), 2, "--limit"),
        (("people",), 0, "countersign enrol"),
        (("inbox",), 0, "Nothing waits for you."),
        (("ledger", "list"), 0, "No such entry."),
        (("log", "nope"), 2, "No run 'nope'"),
        (("show", "abc"), 2, "'abc' is not the id of a proposal."),
    ],
)
def test_without_anything_there_yet(tmp_path: Path, words: tuple[str, ...], code: int, says: str) -> None:
    ended, said = countersign(tmp_path / "state", *words)
    assert (ended, says in said, "Traceback" in said) == (code, True, False), said


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("COUNTERSIGN_CONSOLE_PORT", "abc"),
        ("COUNTERSIGN_CONSOLE_PORT", "99999"),
        ("COUNTERSIGN_TEMPORAL_SYNCHRONOUS", "MAYBE"),
        ("TEMPORAL_ADDRESS", "host:many"),
    ],
)
def test_a_setting_that_cannot_be_is_named(tmp_path: Path, variable: str, value: str) -> None:
    ended, said = countersign(tmp_path / "state", "schedules", "list", **{variable: value})
    assert (ended, variable in said, "bug of ours" in said) == (2, True, False), said


def test_a_workflow_of_ones_own_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    (tmp_path / "own/workflows").mkdir(parents=True)
    (tmp_path / "own/workflows/broken.py").write_text("@workflow.defn\nclass Broken(\n")
    ended, said = countersign(tmp_path / "state", "run", "broken", COUNTERSIGN_WORKFLOWS=str(tmp_path / "own"))
    assert ended == 2
    assert "can't be loaded: SyntaxError" in said
    assert "Traceback" not in said


def test_without_a_server_the_reason_is_in_words(tmp_path: Path) -> None:
    ended, said = countersign(tmp_path / "state", "schedules", "list")
    assert ended == 2
    assert "connection refused. Way out Start it with `countersign up`" in said
    assert "tonic" not in said


def test_another_reason_stays_as_it_was_given() -> None:
    assert in_words(RuntimeError("Namespace a.b not found.\nmore")) == "Namespace a.b not found"


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "binary"])
def test_a_text_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "entry.md"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=r"entry\.md"):
        decisions.text_of(path)


def test_ctrl_c_while_the_command_line_is_still_loading_shows_no_traceback(tmp_path: Path) -> None:
    """Stopped within its imports: a module that they need says so and waits."""
    (tmp_path / "typer.py").write_text("print('loading', flush=True)\nimport time\ntime.sleep(600)\n")
    known = environment(tmp_path / "state") | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    with subprocess.Popen(
        [sys.executable, "-m", "workers", "runs"],
        env=known,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores Ctrl-C, and so does what it starts: a person's terminal is what is meant.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "loading\n"
        started.send_signal(signal.SIGINT)
        _, said = started.communicate()
    assert said == ""
    assert started.returncode == -signal.SIGINT


def test_help_says_what_a_workflow_takes(tmp_path: Path) -> None:
    ended, said = countersign(tmp_path / "state", "run", "payables", "--help")
    assert (ended, "What payables takes" in said, "has to be given" in said) == (0, True, True), said
    ended, said = countersign(tmp_path / "state", "run", "--help")
    assert (ended, "bug_triage, changelog, deal_scoring" in said) == (0, True), said
