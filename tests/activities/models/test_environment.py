"""Which model the settings mean."""

import subprocess
import sys

import pytest

from activities.models import models_from_environment
from contracts.errors import ModelMisconfigured


def named(**environ: str) -> tuple[str, str] | None:
    tiers = models_from_environment(environ)
    return None if tiers is None else (tiers.small.provider, tiers.small.model)


def test_no_key_means_no_model() -> None:
    assert named() is None
    assert named(ANTHROPIC_API_KEY="  ", OPENAI_API_KEY="") is None
    assert named(COUNTERSIGN_MODEL="claude-haiku-4-5") is None


def test_a_key_is_enough() -> None:
    assert named(ANTHROPIC_API_KEY="k") == ("anthropic", "claude-haiku-4-5")
    assert named(OPENAI_API_KEY="k") == ("openai", "gpt-5-mini")


def test_two_keys_and_the_models_name() -> None:
    both = {"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}
    assert named(**both) == ("anthropic", "claude-haiku-4-5")
    assert named(**both, COUNTERSIGN_MODEL="gpt-4.1-mini") == ("openai", "gpt-4.1-mini")
    assert named(**both, COUNTERSIGN_MODEL="claude-sonnet-5") == ("anthropic", "claude-sonnet-5")
    assert named(**both, COUNTERSIGN_MODEL_PROVIDER="openai") == ("openai", "gpt-5-mini")


@pytest.mark.parametrize(
    ("environ", "setting"),
    [
        ({"OPENAI_BASE_URL": "http://localhost:11434/v1"}, "COUNTERSIGN_MODEL"),
        ({"OPENAI_BASE_URL": "localhost:11434", "COUNTERSIGN_MODEL": "m"}, "OPENAI_BASE_URL"),
        ({"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "sk-pasted-here"}, "ANTHROPIC_BASE_URL"),
        ({"ANTHROPIC_API_KEY": "k", "COUNTERSIGN_MODEL_PROVIDER": "openai"}, "OPENAI_API_KEY"),
        ({"ANTHROPIC_API_KEY": "k", "COUNTERSIGN_MODEL_PROVIDER": "acme"}, "COUNTERSIGN_MODEL_PROVIDER"),
    ],
)
def test_contradictions_name_the_setting_and_not_its_value(environ: dict[str, str], setting: str) -> None:
    with pytest.raises(ModelMisconfigured) as caught:
        models_from_environment(environ)
    assert caught.value.subject == setting
    assert "sk-pasted-here" not in str(caught.value)


def test_secrets_in_a_base_url_are_not_shown() -> None:
    models = models_from_environment({"OPENAI_BASE_URL": "https://me:hush@models.example/v1", "COUNTERSIGN_MODEL": "m"})
    assert "hush" not in repr(models)
    assert "models.example" in repr(models)


def test_the_baseline_loads_no_providers_client() -> None:
    loaded = "sorted({'openai', 'anthropic', 'boto3'} & set(sys.modules))"
    code = f"import sys, activities.models as m; m.models_from_environment({{}}); print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
