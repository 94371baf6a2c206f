"""A decision: a person's verdict on one digest, signed by a key that only people's sessions can use."""

from typing import Any, Literal

import rfc8785
from pydantic import AwareDatetime, ConfigDict, Field, JsonValue, field_validator, model_validator
from pydantic.config import JsonDict

from contracts.base import Contract
from contracts.batch import Batch, BatchItem
from contracts.digests import canonical_json, sealed_json, tagged_digest
from contracts.proposal import Proposal
from contracts.standing import StandingApproval

DECISION_TAG: Literal["countersign/decision/v1"] = "countersign/decision/v1"

# "withdraw" takes one's own approval back, while it waits for others.
Verdict = Literal["approve", "request_changes", "reject", "withdraw"]
RejectReason = Literal["wrong approach", "incorrect", "not needed", "duplicate", "style", "too risky", "other"]
REJECT_REASONS: tuple[RejectReason, ...] = (
    "wrong approach",
    "incorrect",
    "not needed",
    "duplicate",
    "style",
    "too risky",
    "other",
)
# What a decision that stands makes of its proposal. A withdrawal leaves it open.
CLOSES: dict[Verdict, str] = {"approve": "approved", "request_changes": "changes requested", "reject": "rejected"}


def goes_with(verdict: Verdict, **fields: JsonDict) -> JsonDict:
    """As JSON Schema: a verdict, and what there has to be besides."""
    return {"properties": {"verdict": {"const": verdict}, **fields}, "required": ["verdict", *fields]}


# What `Statement.says_why` asks for, for whoever reads the description of the API.
SAYS_WHY: tuple[JsonDict, ...] = (
    goes_with("approve"),
    goes_with("request_changes", words={"type": "string", "pattern": r"\S"}),
    goes_with("reject", reason={"enum": list(REJECT_REASONS)}),
)
NAMES_WHICH = goes_with("withdraw", withdraws={"type": "string", "minLength": 1})


def names_none(schema: JsonDict) -> JsonDict:
    return {"allOf": [schema, {"properties": {"withdraws": {"const": ""}}}]}


def one_of(*schemas: JsonDict) -> JsonDict:
    return {"anyOf": list(schemas)}


class Statement(Contract):
    """What a person signs. It names the installation, the run and the digest, so it fits nowhere else."""

    model_config = ConfigDict(json_schema_extra=one_of(*map(names_none, SAYS_WHY), NAMES_WHICH))

    type: Literal["countersign/decision/v1"] = DECISION_TAG
    realm: str
    run: str
    digest: str
    verdict: Verdict
    reason: RejectReason | None = None
    words: str = Field(default="", max_length=10_000)
    withdraws: str = Field(default="", description="the id of one's own approval that is taken back")
    person: str
    decided_at: AwareDatetime
    nonce: str = Field(min_length=16, max_length=64)

    @model_validator(mode="after")
    def says_why(self) -> "Statement":
        if self.verdict == "reject" and self.reason is None:
            raise ValueError("a rejection needs a reason")
        if self.verdict == "request_changes" and not self.words.strip():
            raise ValueError("asking for changes needs words that say which")
        if (self.verdict == "withdraw") != bool(self.withdraws):
            raise ValueError("a withdrawal names the approval that it takes back, and nothing else does")
        return self

    def signing_bytes(self) -> bytes:
        """The bytes under the signature: canonical JSON."""
        return canonical_json(sealed_json(self))

    @property
    def id(self) -> str:
        return tagged_digest(DECISION_TAG, self.signing_bytes())


class Signature(Contract):
    """A signature and how it was made.

    `sshsig`: an armored SSH signature in the namespace `countersign`, as `ssh-keygen -Y sign` writes it.
    `ed25519`: a raw Ed25519 signature, base64, as a browser's WebCrypto makes it with a key that cannot be
    exported from that browser. `passkey`: a WebAuthn assertion, as `contracts.passkeys` reads it.
    `key` is the key's fingerprint, `SHA256:…` as OpenSSH prints it.
    """

    scheme: Literal["sshsig", "ed25519", "passkey"]
    key: str
    value: str


class SignedDecision(Contract):
    """The Temporal signal `decide`: the platform's public contract for approval.

    With a `batch`, the signature is over that, and the statement is what the batch says of this proposal. With a
    `standing` approval it is over that one, and the statement is made of it and the proposal.
    """

    statement: Statement
    signature: Signature
    via: Literal["console", "command line", "demo", "standing approval"] = "command line"
    batch: Batch | None = None
    standing: StandingApproval | None = None

    @classmethod
    def each_of(cls, batch: Batch, signature: Signature, **more: Any) -> "tuple[SignedDecision, ...]":
        """A decision for each proposal of a signed batch, in its order."""
        return tuple(
            cls(statement=batch_statement(batch, item), signature=signature, batch=batch, **more)
            for item in batch.items
        )

    @property
    def id(self) -> str:
        return self.statement.id


def batch_statement(batch: Batch, item: BatchItem) -> Statement:
    """What a batch says of one of its proposals: that it is approved."""
    return Statement(
        realm=batch.realm,
        run=item.run,
        digest=item.digest,
        verdict="approve",
        person=batch.person,
        decided_at=batch.decided_at,
        nonce=batch.nonce,
    )


def standing_statement(standing: StandingApproval, proposal: Proposal) -> Statement:
    """What a standing approval says of a proposal that it covers. The same for each attempt."""
    return Statement(
        realm=standing.realm,
        run=proposal.run,
        digest=proposal.digest,
        verdict="approve",
        words=f"On the standing approval {standing.id}",
        person=standing.person,
        decided_at=proposal.created_at,
        nonce=standing.nonce,
    )


class Ruling(Contract):
    """What the server-side rule said of one decision."""

    decision: str
    accepted: bool
    why: str = ""
    error: str = Field(default="", description="name of the contracts.errors.Refused class, when refused")
    verdict: str = ""
    person: str = ""
    enough: bool = Field(default=True, description="whether nothing more is needed, where it was accepted")
    progress: str = Field(default="", description="of an approval among several: 1 of 2 by release")
    approvals: tuple[SignedDecision, ...] = Field(
        default=(), description="all that stand, of an approval among several"
    )

    @classmethod
    def of(cls, decision: SignedDecision, *, accepted: bool, why: str = "", error: str = "") -> "Ruling":
        statement = decision.statement
        return cls(
            decision=decision.id,
            accepted=accepted,
            why=why,
            error=error,
            verdict=statement.verdict,
            person=statement.person,
        )

    @property
    def says(self) -> str:
        """The ledger's sentence."""
        what = f"{self.verdict.replace('_', ' ')} by {self.person}" if self.verdict else "a decision"
        progress = f" ({self.progress})" if self.progress else ""
        return f"Accepted: {what}{progress}" if self.accepted else f"Refused: {what}. {self.why}"


class ParamChange(Contract):
    """One parameter of the effect with this key, as a person wants it to be."""

    effect: str
    param: str = Field(min_length=1, max_length=100)
    value: JsonValue

    @field_validator("value")
    @classmethod
    def can_be_signed(cls, value: JsonValue) -> JsonValue:
        """No NaN, and no whole number that a browser would read as another."""
        try:
            canonical_json(value)
        except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
            raise ValueError(f"it can't be signed: {error}") from None
        return value


class Revision(Contract):
    """The update `revise`: a person's edit, against the digest they were looking at: a new text; or keys of effects
    that are not to happen, and parameters of the others that are to be different."""

    digest: str
    text: str
    person: str
    drop: tuple[str, ...] = Field(default=(), max_length=500)
    change: tuple[ParamChange, ...] = Field(default=(), max_length=500)

    @model_validator(mode="after")
    def one_thing(self) -> "Revision":
        if self.is_of_effects and self.text:
            raise ValueError("an edit has a new text, or effects that are dropped or changed, not both")
        return self

    @property
    def is_of_effects(self) -> bool:
        return bool(self.drop or self.change)
