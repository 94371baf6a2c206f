"""Which model to use, from the environment. Nothing is read on import."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from activities.models.prices import Tariff
from activities.models.protocol import Models
from activities.models.service import Service
from contracts.errors import ModelMisconfigured

PROVIDERS = ("anthropic", "openai")


def models_from_environment(environ: Mapping[str, str]) -> Models | None:
    """The model that the settings name, or None: then the baseline's draft is what people get.

    Reads ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL, OPENAI_API_KEY, OPENAI_BASE_URL, COUNTERSIGN_MODEL,
    COUNTERSIGN_MODEL_PROVIDER, COUNTERSIGN_PRICES_OF and COUNTERSIGN_ALLOW_UNPRICED (docs/models.md). With keys
    of both providers and no COUNTERSIGN_MODEL_PROVIDER, the model's name decides, else Anthropic is used.

    Raises ModelMisconfigured for a base URL that is none, a provider that is unknown or has no key, and a
    compatible server without the name of its model.
    """
    settings = {name: value.strip() for name, value in environ.items() if value.strip()}
    provider = chosen(settings)
    if provider is None:
        return None
    return anthropic(settings) if provider == "anthropic" else openai(settings)


def chosen(settings: Mapping[str, str]) -> str | None:
    """The provider to use, of those that can be used."""
    usable = [name for name in PROVIDERS if is_usable(name, settings)]
    asked = settings.get("COUNTERSIGN_MODEL_PROVIDER", "").lower()
    if asked:
        if asked not in PROVIDERS:
            raise misconfigured("COUNTERSIGN_MODEL_PROVIDER", f"{asked!r} is no provider.", "Use anthropic or openai.")
        if asked not in usable:
            key = f"{asked.upper()}_API_KEY"
            raise misconfigured(key, f"COUNTERSIGN_MODEL_PROVIDER is {asked}, and {key} is not set.", f"Set {key}.")
        return asked
    if len(usable) > 1 and (model := settings.get("COUNTERSIGN_MODEL")):
        return "anthropic" if "claude" in model.lower() else "openai"
    return usable[0] if usable else None


def is_usable(provider: str, settings: Mapping[str, str]) -> bool:
    """A key is enough; a server of one's own that speaks OpenAI's protocol may need none."""
    if provider == "anthropic":
        return "ANTHROPIC_API_KEY" in settings
    return "OPENAI_API_KEY" in settings or "OPENAI_BASE_URL" in settings


def anthropic(settings: Mapping[str, str]) -> Models:
    # Here and not at the top: the client takes most of a second to import, and the baseline needs none.
    from activities.models import claude

    url = base_url(settings, "ANTHROPIC_BASE_URL", claude.DEFAULT_URL)
    service = Service(
        provider="Anthropic",
        model=settings.get("COUNTERSIGN_MODEL", claude.DEFAULT_MODEL),
        key=settings["ANTHROPIC_API_KEY"],
        base_url=url,
        key_setting="ANTHROPIC_API_KEY",
        url_setting="ANTHROPIC_BASE_URL",
        tariff=claude.TARIFF if url == claude.DEFAULT_URL else tariff(settings, url, "default"),
        allow_unpriced=allows_unpriced(settings),
    )
    return claude.Claude(service)


def openai(settings: Mapping[str, str]) -> Models:
    # Here and not at the top: see above.
    from activities.models import openai_chat

    url = base_url(settings, "OPENAI_BASE_URL", openai_chat.DEFAULT_URL)
    official = url == openai_chat.DEFAULT_URL
    model = settings.get("COUNTERSIGN_MODEL", openai_chat.DEFAULT_MODEL if official else "")
    if not model:
        raise misconfigured(
            "COUNTERSIGN_MODEL", "OPENAI_BASE_URL names a server, and nothing names a model of it.", "Set it."
        )
    service = Service(
        provider="OpenAI" if official else "The OpenAI-compatible server",
        model=model,
        key=settings.get("OPENAI_API_KEY", ""),
        base_url=url,
        key_setting="OPENAI_API_KEY",
        url_setting="OPENAI_BASE_URL",
        tariff=openai_chat.TARIFF if official else tariff(settings, url, "chat"),
        allow_unpriced=allows_unpriced(settings),
    )
    return openai_chat.OpenAIChat(service)


def tariff(settings: Mapping[str, str], url: str, flavor: str) -> Tariff:
    """Whose prices apply at a base URL: whoever COUNTERSIGN_PRICES_OF names, else whom the list knows there."""
    named = settings.get("COUNTERSIGN_PRICES_OF", "")
    return Tariff(provider=named, flavor=flavor) if named else Tariff(url=url, flavor=flavor)


def allows_unpriced(settings: Mapping[str, str]) -> bool:
    return settings.get("COUNTERSIGN_ALLOW_UNPRICED", "").lower() in ("1", "true", "yes")


def base_url(settings: Mapping[str, str], setting: str, default: str) -> str:
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
