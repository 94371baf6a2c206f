"""How the console's process serves: who it thinks is asking."""

from pathlib import Path

import httpx
import pytest

from ledger import FolderArtifacts, Ledger
from tests.console.conftest import deps_for
from tests.console.running import served
from workers.processes import free_port
from workers.settings import Settings
from workers.webserver import options


@pytest.mark.parametrize("behind_proxy", [False, True])
def test_who_asks_is_what_a_proxy_says_only_where_there_is_one(tmp_path: Path, behind_proxy: bool) -> None:
    """Else anybody could name another address for each guess, and no limit would hold."""
    port = free_port()
    settings = Settings(state=tmp_path, console_port=port, behind_proxy=behind_proxy)
    guess = {"token": "guess", "fresh": "A" * 43 + "="}
    with Ledger.open(f"sqlite:///{tmp_path / 'l.db'}", FolderArtifacts(tmp_path / "a")) as ledger:
        deps = deps_for(ledger, base_url=settings.console_url)
        with served(deps, **options(settings)), httpx.Client(base_url=settings.console_url) as http:
            seen = {
                http.post("/enter", json=guess, headers={"x-forwarded-for": f"192.0.2.{caller}"}).status_code
                for caller in range(12)
            }
            one = [
                http.post("/enter", json=guess, headers={"x-forwarded-for": "198.51.100.7, 192.0.2.99"}).status_code
                for _ in range(12)
            ]
    assert seen == ({403} if behind_proxy else {403, 429})
    assert one[-1] == 429
