"""What a kind of effect is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pydantic import JsonValue

from activities.toolbox import Toolbox
from contracts.decision import SignedDecision
from contracts.errors import Unaskable
from contracts.gate import Touches
from contracts.proposal import Effect, Panel
from contracts.records import Person

Facts = dict[str, JsonValue]


@dataclass(frozen=True)
class EffectContext:
    """Who signed what: everything an effect may want to write beside what it does."""

    run: str
    key: str
    digest: str
    decision: SignedDecision
    person: Person
    toolbox: Toolbox
    others: tuple[tuple[SignedDecision, Person], ...] = ()  # where more than one had to approve it


class EffectKind(Protocol):
    """One kind of effect. `params` is the signed JSON; a kind validates it with a pydantic model of its own.

    `act` may be called again after a crash, always after an `ask` that found nothing. Both raise
    CountersignErrors. The facts they give hold a sentence under `says`.

    `askable`: the destination can tell whether it happened. A kind that is not inherits from `UnaskableKind`.
    `cancellable`: `act` may be cancelled in its middle when effects are stopped, because `ask` finds what it did and
    a second `act` goes on from there. One that is not is let end.
    """

    kind: str
    askable: bool
    cancellable: bool

    def subject(self, params: Mapping[str, JsonValue]) -> str:
        """What the effect changes, such as the repository, as `ledger.last_signed` is asked for it."""
        ...

    def touches(self, params: Mapping[str, JsonValue]) -> Touches:
        """What it touches, for the gate's rules to choose by."""
        ...

    async def ask(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts | None:
        """Did it happen already? Facts if it did, None if it did not; Unaskable if nobody can tell."""
        ...

    async def act(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts:
        """Make it happen, so that a second time makes nothing more."""
        ...


@runtime_checkable
class EditableKind(EffectKind, Protocol):
    """A kind of which a reviewer may change some parameters before signing: those named in `editable`.

    Never one that says where something happens or whose diff was shown, unless `edited` makes the proof anew.
    """

    editable: tuple[str, ...]

    def edited(
        self, effect: Effect, params: Mapping[str, JsonValue], panels: tuple[Panel, ...]
    ) -> tuple[Effect, tuple[Panel, ...]]:
        """The effect with these parameters and the sentence that says so, and the panels that tell of it made anew.

        Raises BadInput for values that the kind can't act by."""
        ...


class UnaskableKind:
    """What a kind inherits from whose destination can't say whether it happened.

    It acts once. When its process dies in the middle, or `act` ends with anything but a CountersignError, the run waits
    until a person has said whether it happened. A CountersignError of `act` says that it did not; where that isn't
    known either, `act` raises Unaskable.
    """

    askable = False
    cancellable = False

    async def ask(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts | None:
        raise Unaskable("The destination can't say whether it happened.", subject=context.key)
