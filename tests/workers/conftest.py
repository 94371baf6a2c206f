"""Fixtures of the processes' tests: stand-in programs with which real processes are tried."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.temporal import temporal_binary, temporal_server

__all__ = ["temporal_binary", "temporal_server"]

Program = Callable[[Path, str], Path]


@pytest.fixture
def program() -> Program:
    """Writes a shell program that can be run."""

    def write(path: Path, body: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return write


@pytest.fixture
def fake_temporal(program: Program) -> Callable[[Path, str], Path]:
    """A `temporal` that answers with a server version."""

    def write(folder: Path, version: str = "1.29.1") -> Path:
        return program(folder / "temporal", f"echo 'temporal version 9.9.9 (Server {version}, UI 2.42.1)'")

    return write
