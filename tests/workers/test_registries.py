"""From where machines may install packages: the operator's word, and nobody's else."""

import pytest

from contracts.errors import BadInput
from workers.registries import registries


def test_without_the_setting_there_is_none() -> None:
    assert registries("") == ()


def test_the_usual_ones() -> None:
    npm = registries("npm", {})[0]
    assert (npm.index, [(each.host, each.port) for each in npm.allow]) == (
        "http://registry.npmjs.org/",
        [("registry.npmjs.org", 443)],
    )
    pip = registries("pip=https://pypi.org/simple", {})[0]
    assert pip.index == "http://pypi.org/simple"
    assert [each.host for each in pip.allow] == ["pypi.org", "files.pythonhosted.org"]
    assert {each.methods for each in pip.allow} == {("GET", "HEAD")}


def test_the_worker_s_own_index() -> None:
    [found] = registries("pip", {"PIP_INDEX_URL": "https://index.example.com:8443/root/simple"})
    assert found.index == "http://index.example.com:8443/root/simple"
    assert [(each.host, each.port, each.scheme) for each in found.allow] == [("index.example.com", 8443, "https")]


@pytest.mark.parametrize(
    "setting", ["cargo", "pip=ftp://x.example", "pip=https://me:secret@x.example/simple", "pip=https://192.0.2.1/"]
)
def test_what_cannot_be_is_refused_by_name_and_no_secret_is_repeated(setting: str) -> None:
    with pytest.raises(BadInput, match="COUNTERSIGN_PACKAGES") as refused:
        registries(setting, {})
    assert "secret" not in str(refused.value)
