"""URLs that people and repositories wrote."""

import pytest

from contracts.urls import carries_secret, split


@pytest.mark.parametrize(
    "url", ["https://a:b@c/d", "HTTPS://token@c/d", "http://token@c", "ssh://a:b@c/d", "https://a:b@["]
)
def test_a_secret_is_seen(url: str) -> None:
    assert carries_secret(url)


@pytest.mark.parametrize("url", ["https://c/d", "ssh://git@c/d", "git@c:d", "/srv/a:b@c", ".", "https://["])
def test_what_carries_none(url: str) -> None:
    assert not carries_secret(url)


def test_what_cannot_be_read_is_none() -> None:
    assert split("https://[") is None
    assert split("https://host:port/x") is None
