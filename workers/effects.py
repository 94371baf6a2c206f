"""What the settings say of effects."""

from activities.effects import KINDS
from contracts.effects import SETTING, EffectLimit, effect_limits
from contracts.errors import BadInput
from workers.settings import Settings


def limits_of(settings: Settings) -> tuple[EffectLimit, ...]:
    """The limits of effects. BadInput for a text that is none, or a kind that there isn't: it would limit nothing."""
    limits = effect_limits(settings.effect_limits)
    for limit in limits:
        if limit.kind not in ("*", *KINDS):
            raise BadInput(
                f"{SETTING} limits {limit.kind!r}, and no effect is of that kind.",
                subject=SETTING,
                way_out=f"The kinds are {', '.join(sorted(KINDS))}, and * for all together.",
            )
    return limits
