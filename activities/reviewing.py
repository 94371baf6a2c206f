"""Puts the gate into a proposal as it is sealed: what has to be approved by whom, and when who is told."""

from collections.abc import Iterable, Mapping

from activities.changing import editable
from activities.effects import KINDS
from activities.toolbox import Toolbox
from contracts.errors import BadInput, KindNotAllowed
from contracts.gate import Apart, Gate, Touches
from contracts.proposal import Cost, Effect, Proposal
from contracts.requirements import Barred, Escalated, StartedBy, resolve
from contracts.runs import Alarm, Review, Sealed

NOBODY = "nobody"  # the owner of a credential that is no person's, as the settings say it
EDITED = "edited this text"
PAGE = 1_000  # requests that are read from the ledger at once


def reviewed(
    proposal: Proposal, review: Review | None, tools: Toolbox, credentials: Iterable[str] = ()
) -> tuple[Proposal, tuple[Alarm, ...] | None]:
    """The proposal, sealed with what the gate asks for, and what is to be said while nobody decides.

    `credentials`: names of those that the run has used beside what its sandboxes did. Raises KindNotAllowed for an
    effect that the policy doesn't list, NoRule where the gate has no rule for one, and BadInput where a rule keeps
    somebody apart and nobody knows whom.
    """
    told = tuple(each.model_copy(update={"editable": editable(each)}) for each in proposal.effects)
    proposal = proposal.model_copy(update={"effects": told})
    if review is None:
        return proposal.seal(), None
    if review.effects is not None:
        require_kinds(proposal, review.effects)
    made = proposal.model_copy(update={"started_by": review.started_by, "team": review.team})
    made = asked(review.gate, made, tools, (*review.credentials, *credentials))
    return made.seal(), alarms(review.gate, made, made.escalations)


def kept_for_review(
    draft: Proposal,
    review: Review | None,
    tools: Toolbox,
    told: Mapping[str, str | None],
    credentials: Iterable[str] = (),
) -> Sealed:
    """Seal a revision, store it, and say of its run that it waits; `told`: what is said beside, such as its subject.

    Raises as `reviewed` does. The same draft gives the same digest, however often an attempt is repeated.
    """
    proposal, alarms = reviewed(draft, review, tools, credentials)
    tools.ledger.store_proposal(proposal)
    tools.ledger.update_run(proposal.run, state="waiting", **told)
    return Sealed.of(proposal, alarms)


def paid(cost: Cost) -> str | None:
    """What a run is said to have cost, in US dollars; None where nobody knows."""
    return None if cost.usd is None else str(cost.usd)


def asked(gate: Gate, proposal: Proposal, tools: Toolbox, credentials: Iterable[str]) -> Proposal:
    """The proposal with what the gate asks for, by people of its team, not sealed. Raises as `reviewed` does."""
    effects = [touched(each) for each in proposal.effects] if gate.rules or gate.standing else []
    needs = resolve(gate, effects, _barred(gate, proposal, tools, credentials), proposal.team)
    return proposal.model_copy(update={"needs": needs, "escalations": chain(gate, proposal)})


def require_kinds(proposal: Proposal, allowed: Iterable[str]) -> None:
    """Raise KindNotAllowed for an effect of a kind that the workflow's policy doesn't list."""
    known = sorted(allowed)
    for effect in proposal.effects:
        if effect.kind not in known:
            raise KindNotAllowed(
                f"The policy of {proposal.workflow!r} allows no effect {effect.kind!r}; it lists "
                f"{', '.join(known) or 'none'}.",
                subject=effect.kind,
                way_out="If it is meant to do that, add the kind to `effects` of its policy, and deploy all workers.",
            )


def credential_owners(text: str) -> dict[str, str]:
    """Who owns which credential, from `GITHUB_TOKEN=ana, BOT_KEY=nobody`. BadInput for anything else."""
    found: dict[str, str] = {}
    for part in filter(str.strip, text.split(",")):
        name, equals, owner = (each.strip() for each in part.partition("="))
        if not name or not equals or not owner:
            raise BadInput(
                f"COUNTERSIGN_CREDENTIAL_OWNERS has {part.strip()!r}, which is no credential and its owner.",
                subject="COUNTERSIGN_CREDENTIAL_OWNERS",
                way_out=f"Write it like GITHUB_TOKEN=ana, BOT_KEY={NOBODY}.",
            )
        found[name] = owner
    return found


def touched(effect: Effect) -> tuple[str, str, Touches]:
    """An effect as a gate's rules see it. A kind that this release doesn't know touches nothing that it can tell."""
    kind = KINDS.get(effect.kind)
    return effect.key, effect.kind, kind.touches(effect.params) if kind else Touches()


def chain(gate: Gate, proposal: Proposal) -> tuple[Escalated, ...]:
    """The steps that come before the proposal expires, each at its time and never in quiet hours."""
    steps = [
        Escalated(
            at=gate.quiet.over(proposal.created_at + each.after) if gate.quiet else proposal.created_at + each.after,
            roles=each.roles,
            people=each.people,
            may_decide=each.may_decide,
        )
        for each in gate.escalate
    ]
    return tuple(each for each in steps if each.at < proposal.expires_at)


def alarms(gate: Gate, proposal: Proposal, escalations: Iterable[Escalated]) -> tuple[Alarm, ...]:
    """The reminder and the chain, in order of time."""
    at = proposal.created_at + gate.remind_after
    whom = gate.role or "; ".join(each.whom for each in proposal.needs)
    remind = Alarm(
        at=gate.quiet.over(at) if gate.quiet else at,
        name="gate.reminder",
        says=f"Still waiting for {whom}: {proposal.title}",
    )
    told = [Alarm(at=each.at, name="gate.escalation", says=f"{each.says}: {proposal.title}") for each in escalations]
    return tuple(sorted((remind, *told), key=lambda alarm: alarm.at))


def _barred(gate: Gate, proposal: Proposal, tools: Toolbox, given: Iterable[str]) -> Mapping[Apart, list[Barred]]:
    """Whom the rules keep apart. What no rule asks for isn't looked at."""
    asked = {apart for rule in gate.rules for apart in rule.separate_from}
    found: dict[Apart, list[Barred]] = {"starter": [], "editor": [], "credentials": []}
    if "starter" in asked:
        found["starter"] = _starter(proposal.started_by)
    if "editor" in asked and proposal.edited_by:
        found["editor"] = [Barred(person=proposal.edited_by, why=EDITED)]
    if "credentials" in asked:
        used = sorted({*given, *_used(tools, proposal.run)})
        found["credentials"] = [barred for name in used for barred in _owner(name, tools.owners)]
    return found


def _starter(started_by: StartedBy | None) -> list[Barred]:
    if started_by is None:
        raise BadInput(
            "The gate wants somebody else than who started the run, and nobody knows who that was.",
            subject="starter",
            way_out="Start it with `countersign run` or by a schedule of `countersign schedules sync`.",
        )
    return [Barred(person=started_by.name, why="started this run")] if started_by.kind == "person" else []


def _owner(credential: str, owners: Mapping[str, str]) -> list[Barred]:
    owner = owners.get(credential)
    if owner is None:
        raise BadInput(
            f"The gate wants somebody else than the owner of {credential}, which the run has used, and nobody knows "
            "whose it is.",
            subject=credential,
            way_out=f"Say so: COUNTERSIGN_CREDENTIAL_OWNERS={credential}=ana, or ={NOBODY} where it is no person's.",
        )
    return [] if owner == NOBODY else [Barred(person=owner, why=f"owns {credential}, which the run has used")]


def _used(tools: Toolbox, run: str) -> set[str]:
    """The credentials that the broker has put into requests of the run's sandboxes."""
    found, after = set[str](), 0
    while requests := tools.ledger.entries(run=run, kind="egress", after=after, limit=PAGE):
        found |= {name for each in requests if isinstance(name := each.facts.get("credential"), str) and name}
        after = requests[-1].id
    return found
