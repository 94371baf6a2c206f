"""Policies: what a scoped workflow declares about itself, in code, under version control."""

from datetime import timedelta
from decimal import Decimal
from typing import Literal

from pydantic import Field

from contracts.base import Contract


class Budget(Contract):
    """What one run may spend on models, in US dollars. Zero means: the baseline only."""

    usd: Decimal = Field(default=Decimal("0"), ge=0)


class Gate(Contract):
    """Who decides and how long a run waits. No timeout approves: expiry ends the run undecided."""

    role: str = "reviewer"
    remind_after: timedelta = timedelta(days=2)
    expire_after: timedelta = timedelta(days=30)
    rounds: int = Field(default=5, ge=1, description="how often a person may ask for changes")


class Schedule(Contract):
    """When the workflow starts by itself.

    `cron` has five fields; `time_zone` is an IANA name. A fire missed while the server was down is made
    up for if it is no older than `catch_up`; one that falls while the last run is still open is skipped.
    """

    cron: str
    time_zone: str = "UTC"
    catch_up: timedelta = timedelta(days=1)
    overlap: Literal["skip", "buffer_one", "allow_all"] = "skip"


class SandboxPolicy(Contract):
    """The limits of one sandbox. Deny by default: no network, no environment, a read-only system."""

    memory_bytes: int = Field(default=1 << 30, ge=1 << 24)
    processes: int = Field(default=128, ge=1)
    cpus: float = Field(default=2.0, gt=0)
    wall_seconds: float = Field(default=600, gt=0, description="for each command")
    disk_bytes: int = Field(default=4 << 30, ge=1 << 20)
    output_bytes: int = Field(default=1 << 30, ge=1024, description="for each command, stdout and stderr together")
    environment: dict[str, str] = Field(default_factory=dict, description="plain values, never a secret")
    environment_names: tuple[str, ...] = Field(
        default=(), description="taken from the worker's environment by name, so that no history holds the value"
    )
    network: Literal["none", "open"] = "none"
    needs: tuple[Literal["memory", "processes", "cpu", "disk"], ...] = Field(
        default=(), description="limits that must hold for the sum of all processes and files, or there is no sandbox"
    )


class Policy(Contract):
    """All that a scoped workflow declares about itself."""

    summary: str
    version: str = "1"
    team: str = "platform"
    schedule: Schedule | None = None
    budget: Budget = Budget()
    gate: Gate = Gate()
    sandbox: SandboxPolicy = SandboxPolicy()
    retention: timedelta = timedelta(days=365)
