"""A person's change of single parameters of effects, before anything is signed.

A kind says which of its parameters that may be, and checks them by the model that it acts by. Sentence and panels that
tell of them are made anew, and the effect gets another key: it is another change to the world.
"""

import hashlib
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from activities.effects import KINDS
from activities.effects.kinds import EditableKind
from contracts.decision import ParamChange
from contracts.digests import canonical_json
from contracts.errors import BadInput
from contracts.proposal import Cell, Effect, Panel, TablePanel

CHANGED = "Changed by a reviewer"


def editable(effect: Effect) -> tuple[str, ...]:
    """The names of those that may be changed. None of a kind that declares none, or that this release doesn't know."""
    kind = KINDS.get(effect.kind)
    return tuple(name for name in kind.editable if name in effect.params) if isinstance(kind, EditableKind) else ()


def changed(
    effects: Sequence[Effect], panels: tuple[Panel, ...], changes: Sequence[ParamChange], revision: int
) -> tuple[tuple[Effect, ...], tuple[Panel, ...]]:
    """Effects and panels as the changes want them. BadInput for what can't be changed, or not to that."""
    wanted: dict[str, dict[str, JsonValue]] = {}
    for each in changes:
        wanted.setdefault(each.effect, {})[each.param] = each.value
    known = {effect.key for effect in effects}
    if strange := next((key for key in wanted if key not in known), None):
        raise BadInput(f"There is no effect {strange!r} to change.", subject=strange, way_out="Reload the proposal.")
    made = []
    for effect in effects:
        if effect.key in wanted:
            fresh, panels = _changed(effect, panels, wanted[effect.key], revision)
            made.append(fresh)
        else:
            made.append(effect)
    return tuple(made), panels


def told(before: Sequence[Effect], changes: Sequence[ParamChange], person: str) -> TablePanel:
    """What was changed, as a table: the diff of what happens says it line by line."""
    by_key = {effect.key: effect for effect in before}
    rows = tuple(
        (
            Cell(text=each.param),
            Cell(text=_said(by_key[each.effect].params[each.param]), tone="bad"),
            Cell(text=_said(each.value), tone="good"),
            Cell(text=by_key[each.effect].says),
        )
        for each in changes
    )
    note = f"{person} changed this. What is said of it below may have been written before."
    return TablePanel(title=CHANGED, columns=("what", "was", "is", "of"), rows=rows, note=note)


def _changed(
    effect: Effect, panels: tuple[Panel, ...], wanted: Mapping[str, JsonValue], revision: int
) -> tuple[Effect, tuple[Panel, ...]]:
    kind, may = KINDS.get(effect.kind), editable(effect)
    if strange := next((name for name in wanted if name not in may), None):
        raise BadInput(
            f"{strange!r} of an effect {effect.kind!r} can't be changed by a reviewer.",
            subject=strange,
            way_out=f"These can: {', '.join(may)}." if may else "Ask for changes instead.",
        )
    assert isinstance(kind, EditableKind)
    if all(effect.params[name] == value for name, value in wanted.items()):
        raise BadInput("Nothing was changed.", subject=effect.key, way_out="Sign it as it is, or change something.")
    fresh, panels = kind.edited(effect, {**effect.params, **wanted}, panels)
    seed = [effect.key, revision, fresh.params]
    unique = hashlib.sha256(canonical_json(seed)).hexdigest()
    return fresh.model_copy(update={"key": f"{effect.kind}/{unique[:40]}"}), panels


def _said(value: JsonValue) -> str:
    text = value if isinstance(value, str) else canonical_json(value).decode()
    return text if len(text) <= 300 else f"{text[:300]}…"
