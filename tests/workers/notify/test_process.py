"""The process itself: killed in the middle of a mail, started again; and what it is started with."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from contracts.notify import Notice
from contracts.records import NOTIFIED, Person
from ledger import FolderArtifacts, Ledger
from ledger.schema import notices
from workers.processes import free_port
from workers.settings import Settings
from workers.supervisor import children


class Killing:
    """A mail server that takes a mail and kills who sent it, as often as it is told to."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.victims: list[int] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content.decode())
        if self.victims:
            os.kill(self.victims.pop(), signal.SIGKILL)
        return "250 taken"

    @property
    def ids(self) -> list[str]:
        return [line for mail in self.mails for line in mail.splitlines() if line.startswith("Message-ID:")]


@pytest.fixture
def killing() -> Iterator[tuple[Killing, int]]:
    made, port = Killing(), free_port()
    controller = Controller(made, hostname="127.0.0.1", port=port)
    controller.start()
    yield made, port
    controller.stop()


async def started(environment: dict[str, str]) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "workers", "notify", "serve")
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert (await process.stdout.readline()).startswith(b"ready: telling people by email")
    return process


async def until(check: Any) -> None:
    async with asyncio.timeout(60):
        while not check():
            await asyncio.sleep(0.1)


async def test_a_process_killed_in_the_middle_of_a_mail_sends_it_once_more_and_tells_it_once(
    tmp_path: Path, killing: tuple[Killing, int]
) -> None:
    server, port = killing
    environment = os.environ | {
        "COUNTERSIGN_STATE": str(tmp_path),
        "COUNTERSIGN_NOTIFY_SMTP": f"smtp+plain://127.0.0.1:{port}",
    }
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", FolderArtifacts(tmp_path / "artifacts")) as ledger:
        ledger.enrol(Person(name="ana", display_name="Ana", email="ana@example.com"))
        now = datetime.now(UTC)
        ledger.add_notices(
            [Notice(person="ana", subject="ana", reason="test", channel="email", revision="1", title="T", made_at=now)]
        )
        first = await started(environment)
        server.victims.append(first.pid)
        assert await first.wait() == -signal.SIGKILL
        [left] = ledger.notices()
        assert left.message
        with ledger.store.write() as connection:  # five minutes later
            connection.execute(sa.update(notices).values(lease_until=now - timedelta(minutes=1)))
        second = await started(environment)
        await until(lambda: not ledger.notices())
        second.terminate()
        assert await second.wait() == 0
        assert len(server.ids) == 2
        assert len(set(server.ids)) == 1
        told = [each for each in ledger.entries(kind="system") if each.name == NOTIFIED]
        assert [each.facts["message"] for each in told] == [left.message]


def test_it_is_started_where_a_channel_is_set_up_and_with_its_secrets_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAIL_PASSWORD", "SLACK_TOKEN", "OPENAI_API_KEY", "GIT_ASKPASS"):
        monkeypatch.setenv(name, "a-secret")
    assert [plan.name for plan in children.platform(Settings())] == ["agents", "effects", "console"]
    settings = Settings(
        notify_smtp="smtp://mail.example.com", notify_smtp_credential="bot:MAIL_PASSWORD", notify_slack="SLACK_TOKEN"
    )
    plans = {plan.name: plan for plan in children.platform(settings)}
    seen = {
        name: {each for each, value in plan.environment.items() if value == "a-secret"} for name, plan in plans.items()
    }
    assert seen["notify"] == {"MAIL_PASSWORD", "SLACK_TOKEN"}
    assert not {"MAIL_PASSWORD", "SLACK_TOKEN"} & (seen["agents"] | seen["effects"] | seen["console"])
