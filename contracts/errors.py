"""Errors with names.

Each says what happened, to what (`subject`) and the way out. They look the same in the terminal, in the
console, in the API (problem+json, RFC 9457) and in the Temporal UI. `retryable` is the retry posture:
it is set here once, and the activity's edge translates it for Temporal.
"""

from contracts.problem import CountersignError as CountersignError
from contracts.problem import PatientError


class BadInput(CountersignError):
    """A value given by a person or a system cannot be used as it is."""

    status = 422


class NotFound(CountersignError):
    """The thing asked for is not there, or not for this process to see."""

    status = 404


class Conflict(CountersignError):
    """The request was sound, but the world moved on."""

    status = 409


class BadMethodology(BadInput):
    """The file that says how the company sells can't be used: the message has file, line, place and problem."""


class BadRows(BadInput):
    """A table that was given has a heading, a row or a value that can't be used, and nothing can be made without it."""


# Repositories


class NotARepository(BadInput):
    """The path or URL given is not a git repository that can be read."""


class UnknownRange(BadInput):
    """The range names a commit, tag or date that the repository does not have."""


class ChangelogStructure(BadInput):
    """The changelog file has a structure we cannot add an entry to without guessing."""


class AccessRefused(CountersignError):
    """The file, folder or remote exists, and this process may not use it."""

    status = 403


class NotAllowed(AccessRefused):
    """The service lets this process in, and not do or see that."""


class DiskFull(CountersignError):
    """The disk has no room for what had to be written; nothing half-written was kept."""

    status = 507


class TookTooLong(CountersignError):
    """The work did not finish within its policy's limit."""

    status = 504


# Sandboxes


class SandboxUnavailable(CountersignError):
    """This host cannot give the protection that the policy asks for. There is no weaker fallback."""

    status = 503


class SandboxFailed(CountersignError):
    """The sandbox itself failed (not the command in it). A new one may work."""

    retryable = True


class SandboxBusy(SandboxFailed):
    """The hosted sandboxes' provider asks for patience. `retry_after` is in seconds, when it said so."""

    status = 503

    def __init__(self, what: str, *, subject: str = "", way_out: str = "", retry_after: float | None = None) -> None:
        super().__init__(what, subject=subject, way_out=way_out)
        self.retry_after = retry_after


class CommandNotFound(BadInput):
    """The program is not in the sandbox."""


class MachineGone(CountersignError):
    """The worker does not hold this machine (any more): it was idle for long, or its time was over.

    Nothing was run. The work is in the last checkpoint; a workflow's next call gets a new machine from it.
    """

    status = 410


class NoRoom(CountersignError):
    """The memory that this host gives to machines is taken. It is tried again, here or on another worker."""

    retryable = True
    status = 503


class Interrupted(CountersignError):
    """The machine died while a call that changes files was in flight, and nobody knows how far it came.
    It was not run again. The next call works on a new machine that holds the files as of the last checkpoint.
    """

    status = 409


# Payables


class PayablesUnusable(BadInput):
    """What is owed, the accounts or their terms contradict each other or can't be read; the message names which."""


# Decisions


class Refused(CountersignError):
    """A decision or an effect was not allowed. It is logged and shown."""

    status = 403


class SignInRefused(Refused):
    """Somebody did not get in: the provider said no, its answer does not hold, or they have no role here. Nothing was
    decided; who may, and by which groups, is in the file of roles."""


class NoRole(SignInRefused):
    """The provider knows them, and none of their groups has a role here. What roles they had are gone."""


class Unconfirmed(Refused):
    """The roles of whoever decided come from the organisation's provider, which was last asked too long ago. Sign in
    again, then sign again."""


class UnknownKey(Refused):
    """The key that signed is not enrolled here, or was revoked."""


class BadSignature(Refused):
    """The signature does not match the bytes that were signed."""


class WrongDigest(Refused):
    """The decision was signed for another digest than the one that would be carried out."""


class AlreadyUsed(Refused):
    """The decision was used before, by another run or for another effect; or the same person approved this already."""


class NotSigned(Refused):
    """The effect is not part of what was signed."""


class WrongRun(Refused):
    """The decision was signed for another run, or for another installation."""


class MissingRole(Refused):
    """The person who signed does not have the role that the proposal asks for."""


class NoRule(Refused):
    """The gate has no rule for an effect. Nobody may approve it, so it is not proposed; the message says for what."""


class NotIndependent(Refused):
    """The person may decide in general and not here: they started the run, or it used their credential, or the like."""


class NotEnough(Refused):
    """Approvals stand, and fewer of them than the proposal asks for."""


class UnknownWorkflow(Refused):
    """The process that carries effects out doesn't find the proposal's workflow in its own code."""


class KindNotAllowed(Refused):
    """The policy of the workflow doesn't list this kind of effect."""


class WeakerGate(Refused):
    """A proposal was sealed with less than the gate asks for in the code of the process that carries effects out, and
    the approvals don't make up for it. The message says what is missing."""


class NotStanding(Refused):
    """A standing approval does not cover this, or not any more: the proposal waits for a person."""


class NotInBatch(Refused):
    """It can't be approved by the signature of a batch: it is critical or needs several people, or one of the batch
    can't be approved, and then none is."""


class NotDelegable(Refused):
    """It can't be handed on to that person: they have no such say in it, or the rule lets nobody hand it on. Hand it to
    somebody else, or decide it."""


class Expired(Refused):
    """The proposal's time to be decided has passed. A timeout never approves."""


# Effects


class DestinationMoved(Conflict):
    """The destination no longer looks as it did when the effect was proposed."""


class Unaskable(CountersignError):
    """The destination can't say whether the effect happened, so a person has to. The run waits for their answer."""

    status = 409


class Held(CountersignError):
    """The effect is signed and may not begin now. It is tried again by itself, after `retry_after` seconds."""

    retryable = True
    status = 503

    def __init__(self, what: str, *, subject: str = "", way_out: str = "", retry_after: float = 1.0) -> None:
        super().__init__(what, subject=subject, way_out=way_out)
        self.retry_after = retry_after


class EffectsStopped(Held):
    """Somebody has stopped all effects of this installation. They go on when somebody starts them again."""


class OverLimit(Held):
    """As many effects as the operator allows in this time have begun. It goes on when the time is over."""


class NotItsTurn(Held):
    """Another effect takes long, and this process carries out one at a time."""


# Services on the web: where tickets come from, and where pull requests go


class ServiceBusy(PatientError):
    """The service is down, out of reach, or asks for patience. `retry_after` is in seconds, when it said so."""

    retryable = True
    status = 503


class StrangeReply(CountersignError):
    """The service answered with something that its API never says, such as a page: a wrong address, or a login."""

    status = 502


class Moved(Conflict):
    """The ticket or repository has another address now. Nothing was read by the old one."""


# Telling people


class NotSent(PatientError):
    """The mail server, Slack or a webhook is down, full or set up wrongly. It is tried again, after `retry_after`."""

    retryable = True
    status = 503


class Undeliverable(CountersignError):
    """A message can't go to this address by this channel, however often it is tried: it is given up, and health says
    so."""

    status = 422


# Models


class ModelRefused(CountersignError):
    """The provider or the model declined, or its answer was stopped by a content filter."""


class ModelMisconfigured(CountersignError):
    """A bad key, an unknown model or a bad base URL: the message names the setting to fix."""


class ModelBusy(CountersignError):
    """The provider is rate-limited or overloaded. `retry_after` is in seconds, when it said so.

    `maybe_paid`: the reply had begun when the connection broke, so the provider may charge for it.
    """

    retryable = True
    status = 503

    def __init__(
        self,
        what: str,
        *,
        subject: str = "",
        way_out: str = "",
        retry_after: float | None = None,
        maybe_paid: bool = False,
    ) -> None:
        super().__init__(what, subject=subject, way_out=way_out)
        self.retry_after = retry_after
        self.maybe_paid = maybe_paid


class ModelReplyUnusable(CountersignError):
    """The reply was cut off or is not of the shape that was asked for."""


class ContextOverflow(CountersignError):
    """The prompt and the reply's length do not fit the model's context window. Nothing was charged."""

    status = 413


class BudgetSpent(CountersignError):
    """The call's worst case does not fit the budget that is left: its own, its run's, its workflow's or its team's."""

    status = 402


# The ledger


class LedgerUnavailable(CountersignError):
    """The database does not answer now: locked for too long, restarting or out of reach. A retry may work."""

    retryable = True
    status = 503


class ArtifactDamaged(CountersignError):
    """A stored body no longer has the hash that it is stored under."""


class AnchorFailed(CountersignError):
    """The place outside the database where the ledger's heads are kept can't be written or read."""

    retryable = True


# Running the platform


class PortTaken(CountersignError):
    """Another process listens on the port."""


class StateUnusable(CountersignError):
    """The state folder cannot be used: no permission, another owner, a newer release's schema."""


class TemporalUnavailable(CountersignError):
    """No Temporal server could be found, started or reached."""

    status = 503


class ChildDied(CountersignError):
    """A process that `countersign up` supervises ended and did not come back."""


class IndexUnreachable(CountersignError):
    """The package index of this machine does not answer, or does not have the release that was asked for."""

    status = 503


class MissingTool(CountersignError):
    """A program that has to be on this host is not there."""
