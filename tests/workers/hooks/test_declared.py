"""hooks.toml: what it may say, and how it is told what is wrong."""

from pathlib import Path

import pytest

from contracts.errors import BadInput
from workers.hooks.declared import read
from workers.hooks.serving import secrets

GOOD = """
[[hook]]
name = "app-issues"
from = "github"
secret = "APP_HOOK_SECRET"
on = ["issues.opened"]
workflow = "changelog"
input = { repository = "{repository.clone_url}", heading = "Since {release.tag}" }
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "hooks.toml"
    path.write_text(text)
    return path


def test_what_is_in_braces_comes_out_of_the_delivery(tmp_path: Path) -> None:
    hook = read(written(tmp_path, GOOD))["app-issues"]
    made = hook.request({"repository": {"clone_url": "/srv/{x}"}, "release": {"tag": 7}})
    assert (made.repository, made.heading) == ("/srv/{x}", "Since 7")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("delivery", "says"),
    [
        ({}, "has nothing at repository.clone_url"),
        ({"repository": "text"}, "has nothing at repository.clone_url"),
        ({"repository": {"clone_url": ["a"]}}, "no single value"),
        ({"repository": {"clone_url": "x" * 2001}}, "too long"),
        ({"repository": {"clone_url": 7}, "release": {"tag": "v1"}}, "makes no input for changelog: repository"),
    ],
)
def test_a_delivery_that_has_it_not_is_told(tmp_path: Path, delivery: dict[str, object], says: str) -> None:
    with pytest.raises(BadInput) as error:
        read(written(tmp_path, GOOD))["app-issues"].request(delivery)
    assert says in error.value.what


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[hook]", "is not TOML"),
        (GOOD.replace('"github"', '"gitbub"'), "hook 1: from"),
        (GOOD.replace('"APP_HOOK_SECRET"', '"hunter2"'), "hook 1: secret"),
        (GOOD.replace('["issues.opened"]', "[]"), "hook 1: on"),
        (GOOD.replace('"changelog"', '"changelogs"'), "changelogs"),
        (GOOD.replace("heading", "haeding"), "changelog takes no haeding"),
        (GOOD.replace("on =", "when ="), "hook 1"),
        (GOOD + GOOD, "two hooks are called 'app-issues'"),
        ("hook = 7", "hook 1"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadInput) as error:
        read(written(tmp_path, text))
    assert says in error.value.what


def test_a_secret_that_is_not_set_is_named(tmp_path: Path) -> None:
    hooks = read(written(tmp_path, GOOD))
    assert secrets(hooks, {"APP_HOOK_SECRET": "x" * 16}) == {"app-issues": "x" * 16}
    with pytest.raises(BadInput, match="APP_HOOK_SECRET"):
        secrets(hooks, {"APP_HOOK_SECRET": "short"})
