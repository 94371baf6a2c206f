"""The gate as this process's own code has it.

A proposal says itself who has to approve it. The agents' worker sealed that, and one that was taken over can seal
anything: "anybody, one approval". So the gate is resolved once more here, from the policy in this process's code, and
the approvals have to be enough by both.
"""

from collections.abc import Sequence

from activities.reviewing import asked, require_kinds
from activities.toolbox import Toolbox
from contracts.decision import SignedDecision
from contracts.errors import BadInput, NoRule, UnknownWorkflow, WeakerGate
from contracts.gate import Gate
from contracts.policy import Policy
from contracts.proposal import Proposal
from contracts.requirements import Standing, listed
from contracts.standing import may_stand


def require_own_gate(proposal: Proposal, decisions: Sequence[SignedDecision], tools: Toolbox) -> None:
    """Raise the Refused that applies, unless these approvals, each of which stands, satisfy this code's gate, too.

    UnknownWorkflow, KindNotAllowed, or WeakerGate with what is missing.
    """
    policy = tools.policies.get(proposal.workflow)
    if policy is None:
        raise UnknownWorkflow(
            f"The process that carries effects out knows no workflow {proposal.workflow!r}, so no gate for it.",
            subject=proposal.workflow,
            way_out="Deploy the same release to all workers, with the same COUNTERSIGN_WORKFLOWS; then start it again.",
        )
    require_kinds(proposal, policy.effects)
    if missing := _missing(policy, proposal, decisions, tools):
        raise _weaker(policy, proposal, missing)


def _missing(policy: Policy, proposal: Proposal, decisions: Sequence[SignedDecision], tools: Toolbox) -> list[str]:
    """What this code's gate asks for beyond these approvals, in words."""
    try:
        own = _by_own_gate(policy, proposal, tools)
    except (NoRule, BadInput) as error:
        return [error.what.removesuffix(".")]
    signers = {each.statement.person for each in decisions}
    short = [_says(each, signers) for each in tools.ledger.progress_of(own, decisions).of if not each.met]
    return [
        *short,
        *_batched(own, decisions),
        *_standing(policy, own, decisions),
        *_late(policy.gate, proposal, decisions),
    ]


def _by_own_gate(policy: Policy, proposal: Proposal, tools: Toolbox) -> Proposal:
    own = proposal.model_copy(update={"role": policy.gate.role, "team": policy.team})
    return asked(policy.gate, own, tools, policy.sandbox.credentials)


def _says(standing: Standing, signers: set[str]) -> str:
    rule = standing.requirement.rule
    barred = [f"not {each.person}, who {each.why}" for each in standing.requirement.barred if each.person in signers]
    return ", ".join([standing.says + (f" (rule {rule!r})" if rule else ""), *barred])


def _batched(own: Proposal, decisions: Sequence[SignedDecision]) -> list[str]:
    alone = any(each.critical or each.needs > 1 for each in own.requirements)
    return ["a signature of its own, and it came in a batch"] if alone and any(each.batch for each in decisions) else []


def _standing(policy: Policy, own: Proposal, decisions: Sequence[SignedDecision]) -> list[str]:
    """A standing approval is for one version of a workflow, whose gate allows it."""
    if all(each.standing is None for each in decisions):
        return []
    why = may_stand(own.requirements)
    if not why and own.version != policy.version:
        why = f"this is version {policy.version}"
    return [f"a decision on this very proposal, and it came by a standing approval: {why}"] if why else []


def _late(gate: Gate, proposal: Proposal, decisions: Sequence[SignedDecision]) -> list[str]:
    until = proposal.created_at + gate.expire_after
    late = sorted({each.statement.person for each in decisions if each.statement.decided_at >= until})
    return [f"a decision before {until:%Y-%m-%d %H:%M %Z}, and {listed(late, 'and')} came later"] if late else []


def _weaker(policy: Policy, proposal: Proposal, missing: Sequence[str]) -> WeakerGate:
    return WeakerGate(
        f"Proposal {proposal.id} of {proposal.workflow!r} was sealed with less (version {proposal.version}) than this "
        f"release's gate asks for (version {policy.version}), and the stricter one counts. "
        f"Missing: {'; '.join(missing)}.",
        subject=proposal.digest,
        way_out="If the gate was made stricter meanwhile, start the run again: its new proposal asks for all of it. If "
        "the workers are of different releases, deploy one to all first. If neither, somebody may have taken over the "
        "agents' worker.",
    )
