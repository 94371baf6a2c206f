"""Each test runs once for each provider. A provider that this host can't have skips its tests, with the reason."""

from pathlib import Path

import pytest

from sandboxes import Bubblewrap, Docker, Gvisor

MAKERS = {"bubblewrap": Bubblewrap, "docker": Docker, "gvisor": Gvisor}
NEEDS = {"docker": "docker_engine", "gvisor": "gvisor_engine"}
Provider = Bubblewrap | Docker


@pytest.fixture(scope="session", params=sorted(MAKERS))
def provider(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Provider:
    if fixture := NEEDS.get(request.param):
        request.getfixturevalue(fixture)
    made: Provider = MAKERS[request.param](tmp_path_factory.mktemp(request.param))
    made.check()
    return made


@pytest.fixture
def folder(provider: Provider) -> Path:
    return provider.folder
