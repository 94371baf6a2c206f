"""One model of each protocol, as the settings make it, against the model server."""

from activities.models import Models, models_from_environment
from tests.support.model_server import KEY, ModelServer

PROTOCOLS = ("anthropic", "openai", "bedrock")
CLAUDE_ON_BEDROCK = "global.anthropic.claude-haiku-4-5-20251001-v1:0"


def settings(server: ModelServer, protocol: str, **more: str) -> dict[str, str]:
    if protocol == "anthropic":
        own = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": server.anthropic_url}
        return own | {"COUNTERSIGN_PRICES_OF": "anthropic", "COUNTERSIGN_MODEL": "claude-haiku-4-5"} | more
    if protocol == "bedrock":
        own = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": "hush", "AWS_REGION": "us-east-1"}
        own |= {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": server.bedrock_url, "COUNTERSIGN_MODEL_PROVIDER": "bedrock"}
        return own | {"COUNTERSIGN_MODEL": CLAUDE_ON_BEDROCK} | more
    own = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.openai_url}
    return own | {"COUNTERSIGN_PRICES_OF": "openai", "COUNTERSIGN_MODEL": "gpt-4.1-mini"} | more


def connect(server: ModelServer, protocol: str, **more: str) -> Models:
    tiers = models_from_environment(settings(server, protocol, **more))
    assert tiers is not None
    return tiers.small
