"""Which models to use, from the environment. Nothing is read on import."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from activities.models.prices import Tariff
from activities.models.protocol import Models
from activities.models.service import Service
from activities.models.tiers import Tiers
from contracts.errors import ModelMisconfigured

PROVIDERS = ("anthropic", "openai", "bedrock")
KEYS = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY", "bedrock": "AWS_BEARER_TOKEN_BEDROCK"}

Settings = Mapping[str, str]


def models_from_environment(environ: Mapping[str, str]) -> Tiers | None:
    """The models that the settings name, or None: then the baseline's draft is what people get.

    COUNTERSIGN_MODEL_SMALL and COUNTERSIGN_MODEL_LARGE are `provider/model`. Without them: COUNTERSIGN_MODEL alone is
    the small tier and there is no large one; a key alone gives both tiers the provider's defaults. docs/models.md has
    all settings. Of several providers with a key, COUNTERSIGN_MODEL_PROVIDER decides, else the model's name, else
    Anthropic is used.

    Raises ModelMisconfigured for a base URL that is none, a provider that is unknown or has no key, and a
    compatible server without the name of its model.
    """
    settings = {name: value.strip() for name, value in environ.items() if value.strip()}
    small = named(settings, "COUNTERSIGN_MODEL_SMALL") or unnamed(settings)
    if small is None:
        return None
    return Tiers(small=small, large=named(settings, "COUNTERSIGN_MODEL_LARGE") or default_large(settings, small))


def named(settings: Settings, setting: str) -> Models | None:
    """The model that a tier's setting names: `anthropic/claude-haiku-4-5`, `openai/qwen3`, `bedrock/…`."""
    value = settings.get(setting)
    if value is None:
        return None
    provider, _, model = value.partition("/")
    if provider not in PROVIDERS or not model:
        known = ", ".join(f"{name}/MODEL" for name in PROVIDERS)
        raise misconfigured(setting, f"{setting} is {value!r}, and names no provider.", f"Write it as one of {known}.")
    if not is_usable(provider, settings):
        raise keyless(provider, f"{setting} is {value}")
    return build(provider, model, setting, settings)


def unnamed(settings: Settings) -> Models | None:
    """The small tier's model where only COUNTERSIGN_MODEL or nothing names one."""
    provider = chosen(settings)
    if provider is None:
        return None
    model = settings.get("COUNTERSIGN_MODEL") or default(provider, settings)
    if not model:
        raise misconfigured(
            "COUNTERSIGN_MODEL", "OPENAI_BASE_URL names a server, and nothing names a model of it.", "Set it."
        )
    return build(provider, model, "COUNTERSIGN_MODEL", settings)


def default_large(settings: Settings, small: Models) -> Models | None:
    """The provider's large default, but only where nobody named a model: who names one means that one."""
    if "COUNTERSIGN_MODEL" in settings or "COUNTERSIGN_MODEL_SMALL" in settings:
        return None
    model = default(small.provider, settings, large=True)
    return build(small.provider, model, "COUNTERSIGN_MODEL_LARGE", settings) if model else None


def chosen(settings: Settings) -> str | None:
    """The provider to use, of those that can be used."""
    asked = settings.get("COUNTERSIGN_MODEL_PROVIDER", "").lower()
    if asked:
        if asked not in PROVIDERS:
            known = ", ".join(PROVIDERS)
            raise misconfigured("COUNTERSIGN_MODEL_PROVIDER", f"{asked!r} is no provider.", f"Use one of: {known}.")
        if not is_usable(asked, settings):
            raise keyless(asked, f"COUNTERSIGN_MODEL_PROVIDER is {asked}")
        return asked
    # AWS credentials are on many machines for other reasons: they alone don't turn a model on. A key of Bedrock's does.
    usable = [name for name in PROVIDERS if name in marked(settings)]
    model = settings.get("COUNTERSIGN_MODEL", "").lower()
    if len(usable) > 1 and model:
        guess = "bedrock" if "anthropic.claude" in model else "anthropic" if "claude" in model else "openai"
        return guess if guess in usable else usable[0]
    return usable[0] if usable else None


def marked(settings: Settings) -> set[str]:
    """The providers that some setting turns on; a server that speaks OpenAI's protocol may need no key."""
    found = {provider for provider, key in KEYS.items() if key in settings}
    return found | ({"openai"} if "OPENAI_BASE_URL" in settings else set())


def is_usable(provider: str, settings: Settings) -> bool:
    """Bedrock finds its credentials in more places than settings (profiles, roles), and says if there are none."""
    return provider == "bedrock" or provider in marked(settings)


def keyless(provider: str, why: str) -> ModelMisconfigured:
    return misconfigured(KEYS[provider], f"{why}, and {KEYS[provider]} is not set.", f"Set {KEYS[provider]}.")


def default(provider: str, settings: Settings, *, large: bool = False) -> str:
    """A provider's default model; empty for a server of one's own, which has none."""
    # Here and not at the top: the clients take most of a second to import, and the baseline needs none.
    if provider == "anthropic":
        from activities.models import claude

        return claude.DEFAULT_LARGE if large else claude.DEFAULT_MODEL
    if provider == "bedrock":
        from activities.models import bedrock

        return bedrock.DEFAULT_LARGE if large else bedrock.DEFAULT_MODEL
    from activities.models import openai_chat

    if base_url(settings, "OPENAI_BASE_URL", openai_chat.DEFAULT_URL) != openai_chat.DEFAULT_URL:
        return ""
    return openai_chat.DEFAULT_LARGE if large else openai_chat.DEFAULT_MODEL


def build(provider: str, model: str, setting: str, settings: Settings) -> Models:
    make = {"anthropic": anthropic, "openai": openai, "bedrock": bedrock}[provider]
    return make(model, setting, settings)


def anthropic(model: str, setting: str, settings: Settings) -> Models:
    from activities.models import claude

    url = base_url(settings, "ANTHROPIC_BASE_URL", claude.DEFAULT_URL)
    service = Service(
        provider="Anthropic",
        model=model,
        key=settings["ANTHROPIC_API_KEY"],
        base_url=url,
        key_setting="ANTHROPIC_API_KEY",
        url_setting="ANTHROPIC_BASE_URL",
        model_setting=setting,
        tariff=claude.TARIFF if url == claude.DEFAULT_URL else tariff(settings, url, "default"),
        allow_unpriced=allows_unpriced(settings),
    )
    return claude.Claude(service)


def openai(model: str, setting: str, settings: Settings) -> Models:
    from activities.models import openai_chat

    url = base_url(settings, "OPENAI_BASE_URL", openai_chat.DEFAULT_URL)
    official = url == openai_chat.DEFAULT_URL
    service = Service(
        provider="OpenAI" if official else "The OpenAI-compatible server",
        model=model,
        key=settings.get("OPENAI_API_KEY", ""),
        base_url=url,
        key_setting="OPENAI_API_KEY",
        url_setting="OPENAI_BASE_URL",
        model_setting=setting,
        tariff=openai_chat.TARIFF if official else tariff(settings, url, "chat"),
        allow_unpriced=allows_unpriced(settings),
    )
    return openai_chat.OpenAIChat(service)


def bedrock(model: str, setting: str, settings: Settings) -> Models:
    from activities.models import bedrock

    own = settings.get("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "")
    keys = [name for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_SECRET_ACCESS_KEY") if name in settings]
    service = Service(
        provider="Amazon Bedrock",
        model=model,
        key=settings[keys[0]] if keys else "",
        base_url=base_url(settings, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", own) if own else "",
        key_setting=keys[0] if keys else "AWS_BEARER_TOKEN_BEDROCK",
        url_setting="AWS_ENDPOINT_URL_BEDROCK_RUNTIME" if own else "AWS_REGION",
        model_setting=setting,
        # Through a private endpoint it is still AWS that sends the bill.
        tariff=bedrock.TARIFF,
        allow_unpriced=allows_unpriced(settings),
    )
    return bedrock.connect(service, settings)


def tariff(settings: Settings, url: str, flavor: str) -> Tariff:
    """Whose prices apply at a base URL: whoever COUNTERSIGN_PRICES_OF names, else whom the list knows there."""
    named = settings.get("COUNTERSIGN_PRICES_OF", "")
    return Tariff(provider=named, flavor=flavor) if named else Tariff(url=url, flavor=flavor)


def allows_unpriced(settings: Settings) -> bool:
    return settings.get("COUNTERSIGN_ALLOW_UNPRICED", "").lower() in ("1", "true", "yes")


def base_url(settings: Settings, setting: str, default: str) -> str:
    url = settings.get(setting, default).rstrip("/")
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        sound = False
    if not sound:
        # The value is not shown: people paste keys into the wrong setting.
        raise misconfigured(setting, f"{setting} is not an http(s) URL.", f"Correct {setting} or unset it.")
    return url


def misconfigured(setting: str, what: str, way_out: str) -> ModelMisconfigured:
    return ModelMisconfigured(what, subject=setting, way_out=way_out)
