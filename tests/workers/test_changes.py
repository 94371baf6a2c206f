"""Which changes of settings are written down, and that no secret is."""

from pathlib import Path

from ledger import FolderArtifacts, Ledger
from workers.changes import tell
from workers.settings import Settings

SECRET = "s3ntinel-of-a-secret"


def told(ledger: Ledger) -> list[str]:
    return [entry.says for entry in ledger.entries(kind="system")]


def test_a_change_is_one_entry_with_what_changed(tmp_path: Path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db", FolderArtifacts(tmp_path / "artifacts")) as ledger:
        plain = Settings(state=tmp_path)
        assert tell(ledger, "agents", plain, {})
        assert tell(ledger, "effects", plain, {}), "each process has settings of its own"
        assert not tell(ledger, "agents", plain, {"HOME": "/elsewhere"})
        limited = Settings(state=tmp_path, effect_limits="*=3/hour")
        assert tell(ledger, "agents", limited, {"COUNTERSIGN_MODEL": "openai/qwen3"})
        assert not tell(ledger, "effects", plain, {})
        assert told(ledger) == [
            "The settings of agents",
            "The settings of effects",
            "The settings of agents have changed: COUNTERSIGN_EFFECT_LIMITS: nothing → '*=3/hour'; "
            "COUNTERSIGN_MODEL: nothing → 'openai/qwen3'",
        ]


def test_secrets_are_there_by_name_only(tmp_path: Path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db", FolderArtifacts(tmp_path / "artifacts")) as ledger:
        settings = Settings(
            state=tmp_path,
            metrics_token=SECRET,
            temporal_ui_url=f"https://me:{SECRET}@ui.example.com",
            database_url=f"postgresql://me:{SECRET}@db/ledger?password={SECRET}",
            packages=f"pip=https://{SECRET}@pypi.example.com/simple,npm",
            **{"TEMPORAL_API_KEY": SECRET},
        )
        environ = {"ANTHROPIC_API_KEY": SECRET, "OPENAI_BASE_URL": f"https://x:{SECRET}@models.example.com/v1"}
        tell(ledger, "agents", settings, environ)
        [entry] = ledger.entries(kind="system")
        assert SECRET not in entry.model_dump_json()
        found = entry.facts["settings"]
        assert isinstance(found, dict)
        assert (found["COUNTERSIGN_TEMPORAL_API_KEY"], found["COUNTERSIGN_METRICS_TOKEN"]) == ("set", "set")
        assert found["COUNTERSIGN_PACKAGES"] == "pip=https://***@pypi.example.com/simple,npm"
        assert found["OPENAI_BASE_URL"] == "https://***@models.example.com/v1"
