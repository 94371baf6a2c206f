"""Ports and ends of processes."""

import subprocess
import sys
from pathlib import Path

from workers.processes import free_port, is_free

ROOT = Path(__file__).parents[2]
EPHEMERAL = 32_768  # where Linux's own begin; other systems' begin later


def test_a_free_port_is_given_once_and_is_none_that_a_connection_may_take() -> None:
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == 200
    assert max(ports) < EPHEMERAL
    assert all(is_free(port) for port in ports[:5])


def test_leaving_writes_all_output_and_skips_the_interpreters_shutdown() -> None:
    program = (
        "import atexit, os; from workers.processes import leave; atexit.register(os.abort); print('all'); leave(3)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (3, "all\n", "")
