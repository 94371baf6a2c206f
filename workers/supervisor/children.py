"""The processes of an installation: what each runs, and which part of the environment it may see."""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from activities.mcp.servers import servers
from workers.devserver import ServerPlan, wait_until_healthy
from workers.devserver.server import rotate
from workers.egress import credential_names
from workers.hooks.serving import declared
from workers.notify.setting_up import is_set_up
from workers.notify.setting_up import secrets as notify_secrets
from workers.processes import pick
from workers.settings import Settings
from workers.supervisor.child import Child, Plan, answers, says_ready

# Paths, proxies and addresses that every process of ours may need.
COMMON_NAMES = (
    *("PYTHONPATH", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"),
    *("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY", "PGPASSFILE", "PGSSLROOTCERT"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
)
BEDROCK_KEY = "AWS_BEARER_TOKEN_BEDROCK"
MODEL_NAMES = ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL", BEDROCK_KEY)
# AWS's own, which open more than models: only where a setting names Bedrock.
AWS_NAMES = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"),
    *("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
)
TRACE_NAMES = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_RESOURCE_ATTRIBUTES")
HOSTED_NAMES = ("DAYTONA_API_KEY", "DAYTONA_API_URL", "DAYTONA_TARGET")
GIT_NAMES = (
    *("SSH_AUTH_SOCK", "SSH_ASKPASS", "GIT_ASKPASS", "GIT_SSH_COMMAND", "GIT_CONFIG_GLOBAL"),
    *("GIT_TERMINAL_PROMPT", "GNUPGHOME"),
)


def environment(settings: Settings, environ: Mapping[str, str], *names: str) -> dict[str, str]:
    """What a child sees: the common names, `names`, and these settings, whichever way they were set."""
    seen = pick(environ, *COMMON_NAMES, *names, prefixes=("COUNTERSIGN_",))
    return {**seen, **settings_environment(settings), "PYTHONUNBUFFERED": "1"}


def settings_environment(settings: Settings) -> dict[str, str]:
    """The settings as environment variables that make equal settings. Empty ones are there too: they win."""
    return {f"COUNTERSIGN_{name.upper()}": str(value) for name, value in settings.model_dump().items()}


def temporal(plan: ServerPlan) -> Plan:
    """The Temporal server. Its own log keeps its output."""

    async def healthy(child: Child) -> None:
        await wait_until_healthy(plan, lambda: child.is_gone)
        plan.folder.mark_served(plan.binary.server, child.pid, plan.port, plan.ui_port)

    rotate(plan.folder.log)
    return Plan(
        name="temporal",
        argv=plan.argv(),
        environment=plan.environment(),
        ready=healthy,
        log=plan.folder.log,
        stopped=plan.folder.mark_ended,
    )


def agents(settings: Settings) -> Plan:
    """Runs workflows and activities. It sees model keys and no way to write anywhere."""
    names = [*MODEL_NAMES, *credential_names(settings, "agents")]
    names += [name for server in servers(settings.mcp_servers).values() for name in server.secrets]
    chosen = [value for name, value in os.environ.items() if name.startswith("COUNTERSIGN_MODEL")]
    if os.environ.get(BEDROCK_KEY) or any("bedrock" in value for value in chosen):
        names += AWS_NAMES
    if os.environ.get("COUNTERSIGN_HOSTED_SANDBOXES"):
        names += HOSTED_NAMES
    return _worker(settings, "agents", tuple(names))


def effects(settings: Settings) -> Plan:
    """Carries out signed effects. It alone sees git's credentials, and no model key."""
    return _worker(settings, "effects", (*GIT_NAMES, *credential_names(settings, "effects")))


def console(settings: Settings) -> Plan:
    """The web pages. It sees neither model keys nor git's credentials; the organisation's sign-in has a secret."""
    names = filter(None, [settings.oidc_client_secret])
    return Plan(
        name="console",
        argv=[sys.executable, "-m", "workers", "console"],
        environment=environment(settings, os.environ, *names),
        ready=answers(f"{settings.console_url}/healthz"),
        cwd=_here(),
    )


def notify(settings: Settings) -> Plan:
    """Tells people. It alone sees the credentials of mail, Slack and webhooks, and no others."""
    return Plan(
        name="notify",
        argv=[sys.executable, "-m", "workers", "notify", "serve"],
        environment=environment(settings, os.environ, *notify_secrets(settings)),
        ready=says_ready,
        cwd=_here(),
    )


def hooks(settings: Settings) -> Plan:
    """Takes what services deliver. It sees the secrets of those webhooks and no credential."""
    names = {hook.secret for hook in declared(settings).values()}
    return Plan(
        name="hooks",
        argv=[sys.executable, "-m", "workers", "hooks", "serve"],
        environment=environment(settings, os.environ, *names),
        ready=answers(f"http://127.0.0.1:{settings.hooks_port}/healthz"),
        cwd=_here(),
    )


def platform(settings: Settings) -> list[Plan]:
    """All of them but the Temporal server, which they need. Where nothing is set up to tell people by, nobody does."""
    telling = [notify(settings)] if is_set_up(settings) else []
    taking = [hooks(settings)] if declared(settings) else []
    return [agents(settings), effects(settings), console(settings), *telling, *taking]


def _worker(settings: Settings, kind: str, names: tuple[str, ...]) -> Plan:
    names += TRACE_NAMES if settings.traces else ()
    return Plan(
        name=kind,
        argv=[sys.executable, "-m", "workers", "worker", kind],
        environment=environment(settings, os.environ, *names),
        ready=says_ready,
        cwd=_here(),
    )


def _here() -> Path | None:
    """Children keep our working folder: relative paths in settings mean the same to them."""
    with suppress(FileNotFoundError):
        return Path.cwd()
    return None
