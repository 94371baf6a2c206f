"""The organisation's sign-in from the settings: whole, or an error that says what is missing."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from contracts.errors import BadInput
from contracts.identity import RoleMap
from tests.support.oidc import CLIENT, SECRET, organisation
from workers import doctor
from workers.organisation import provider, strange_teams
from workers.processes import free_port
from workers.settings import Settings
from workers.supervisor import children

ROOT = Path(__file__).parents[2]
ISSUER = "https://id.example/realms/acme"


@pytest.fixture
def roles(tmp_path: Path) -> Path:
    path = tmp_path / "roles.toml"
    path.write_text('[teams.payments]\napprover = ["payments-leads"]\n')
    return path


def settings(file: Path, **changes: object) -> Settings:
    fields = {"oidc_issuer": ISSUER, "oidc_client_id": "countersign", "oidc_client_secret": "OIDC_SECRET"}
    return Settings(**{**fields, "roles": file, "public_url": "https://sign.example", **changes})


def test_without_an_issuer_there_is_no_provider(roles: Path) -> None:
    assert provider(settings(roles, oidc_issuer=""), {}) is None


def test_all_of_it_is_a_provider(roles: Path) -> None:
    made = provider(settings(roles, session_minutes=30, session_idle_minutes=5), {"OIDC_SECRET": "s3cret"})
    assert made is not None
    assert (made.issuer, made.client_id, made.secret) == (ISSUER, "countersign", "s3cret")
    assert made.returns_to == "https://sign.example/oidc/return"
    assert (made.seconds, made.idle) == (1800, 300)
    assert "s3cret" not in repr(made)
    public = provider(settings(roles, oidc_client_secret=""), {})
    assert public is not None
    assert public.secret == ""


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"oidc_client_id": ""}, "COUNTERSIGN_OIDC_CLIENT_ID"),
        ({"oidc_client_secret": "UNSET_NAME"}, "UNSET_NAME"),
        ({"roles": Path()}, "COUNTERSIGN_ROLES"),
        ({"roles": Path("/nowhere/roles.toml")}, "COUNTERSIGN_ROLES"),
        ({"oidc_issuer": "http://id.example"}, "COUNTERSIGN_OIDC_ISSUER"),
    ],
    ids=str,
)
def test_half_of_it_is_an_error_that_names_the_rest(roles: Path, changes: dict[str, object], names: str) -> None:
    with pytest.raises(BadInput) as caught:
        provider(settings(roles, **changes), {"OIDC_SECRET": "s3cret"})
    assert caught.value.subject == names
    assert caught.value.way_out


async def test_the_doctor_says_what_is_missing(roles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_SECRET", "s3cret")
    here = {"oidc_issuer": f"http://127.0.0.1:{free_port()}"}
    for changes, state, says in (
        ({"oidc_issuer": ""}, "optional", "one-time links"),
        ({"oidc_client_id": ""}, "missing", "under no name"),
        (here, "missing", "did not answer"),
    ):
        [found] = await doctor.organisation(settings(roles, **changes))
        assert (found.name, found.state) == ("organisation", state)
        assert says in found.says


def test_teams_that_no_workflow_has_are_found() -> None:
    text = '[teams.platform]\nviewer = ["a"]\n[teams."*"]\nviewer = ["a"]\n[teams.platfrom]\nviewer = ["a"]'
    assert strange_teams(RoleMap.read(text, "roles.toml")) == ["platfrom"]


def test_a_secret_in_place_of_its_name_is_refused_and_not_repeated(roles: Path) -> None:
    with pytest.raises(BadInput, match="COUNTERSIGN_OIDC_CLIENT_SECRET") as caught:
        settings(roles, oidc_client_secret="p@ss-word!")
    assert "p@ss" not in str(caught.value)


def test_only_the_console_sees_the_clients_secret(roles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_SECRET", "s3cret")
    made = settings(roles)
    holders = [plan.name for plan in children.platform(made) if "s3cret" in plan.environment.values()]
    assert holders == ["console"]


# The process -------------------------------------------------------------------------------------------------------


def console(tmp_path: Path, port: int, **variables: str) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "COUNTERSIGN_STATE": str(tmp_path / "state"), **variables}
    argv = [sys.executable, "-m", "workers", "console"]
    environment |= {"COUNTERSIGN_CONSOLE_PORT": str(port)}
    out = subprocess.PIPE
    return subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT, text=True)


def test_the_consoles_process_leads_to_the_provider_that_is_set(roles: Path, tmp_path: Path) -> None:
    """As an operator starts it, with the secret by its name."""
    port = free_port()
    with organisation(f"http://127.0.0.1:{port}") as org:
        variables = {"COUNTERSIGN_OIDC_ISSUER": org.issuer, "COUNTERSIGN_OIDC_CLIENT_ID": CLIENT}
        variables |= {"COUNTERSIGN_OIDC_CLIENT_SECRET": "OIDC_SECRET", "OIDC_SECRET": SECRET}
        process = console(tmp_path, port, COUNTERSIGN_ROLES=str(roles), **variables)
        try:
            answer = eventual(f"http://127.0.0.1:{port}/oidc/begin", process)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith(f"{org.issuer}/auth?")
            assert httpx.get(answer.headers["location"]).status_code == 303  # it takes our client and our redirect URI
        finally:
            process.terminate()
            said, _ = process.communicate(timeout=60)
    assert SECRET not in said


def test_a_console_of_which_half_is_set_does_not_start(roles: Path, tmp_path: Path) -> None:
    process = console(tmp_path, free_port(), COUNTERSIGN_OIDC_ISSUER=ISSUER, COUNTERSIGN_ROLES=str(roles))
    said, _ = process.communicate(timeout=120)
    assert process.returncode not in (0, None)
    assert "COUNTERSIGN_OIDC_CLIENT_ID" in said
    assert "Traceback" not in said


def eventual(url: str, process: "subprocess.Popen[str]") -> httpx.Response:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the console did not answer")
