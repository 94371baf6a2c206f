"""Which model to use, from the environment. Nothing is read on import."""

from collections.abc import Mapping

from activities.models.protocol import Models


def models_from_environment(environ: Mapping[str, str]) -> Models | None:
    """The model that the settings name, or None: then the baseline's draft is what people get.

    Reads ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL, OPENAI_API_KEY, OPENAI_BASE_URL and COUNTERSIGN_MODEL.
    Raises ModelMisconfigured where they contradict each other.
    """
    return None
