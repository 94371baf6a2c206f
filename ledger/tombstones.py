"""Whether what stands for erased entries was signed for. Collected while a verification reads the entries."""

from collections.abc import Iterator

from pydantic import ValidationError
from pydantic_core import from_json

from contracts.erasure import ERASED, ERASURE, SignedErasure, Tombstone, tombstones_digest
from contracts.signatures import verify
from ledger.redaction import tombstone_digest

RECORDS = (ERASURE, ERASED)


class Erasures:
    """The erasures that are on record, and the entries that aren't what was sealed."""

    def __init__(self, realm: str) -> None:
        self.realm = realm
        self.signed: dict[str, SignedErasure] = {}
        self.told: dict[str, list[Tombstone]] = {}
        self.standing: dict[int, tuple[str, str]] = {}  # entry: the digest that was sealed, that of what stands there

    def take(self, body: str) -> None:
        """A record of an erasure whose own digest is right."""
        entry = from_json(body)
        facts = entry["facts"]
        try:
            if entry["name"] == ERASURE:
                signed = SignedErasure.model_validate(facts["signed"])
                self.signed[signed.erasure.id] = signed
            else:
                self.told.setdefault(str(facts["erasure"]), []).append(Tombstone.model_validate(facts))
        except (ValidationError, KeyError):
            return  # no record: then nothing stands on it

    def stands(self, entry: int, digest: str, body: str) -> None:
        """An entry whose text does not have the digest that was sealed."""
        self.standing[entry] = (digest, tombstone_digest(body))

    def says(self) -> tuple[str, ...]:
        """Each erasure in words, oldest first."""
        found = sorted(self.signed.values(), key=lambda one: one.erasure.asked_at)
        return tuple(
            f"{one.erasure.count} entries were erased by {one.erasure.person} (key {one.signature.key}) on "
            f"{one.erasure.asked_at:%Y-%m-%d}: {one.erasure.because}"
            for one in found
        )

    def problems(self) -> Iterator[str]:
        covered = dict[int, tuple[str, str]]()
        for id, told in self.told.items():
            if problem := self._wrong(id, told):
                yield problem
                continue
            for each in told:
                covered[each.entry] = (each.digest, each.tombstone)
        for id in self.signed.keys() - self.told.keys():
            if self.signed[id].erasure.count:
                yield f"the records of erasure {id} are missing"
        for entry, found in self.standing.items():
            if covered.get(entry) != found:
                yield f"entry {entry} was changed: its content does not have its digest"

    def _wrong(self, id: str, told: list[Tombstone]) -> str:
        signed = self.signed.get(id)
        if signed is None:
            return f"{len(told)} entries were erased, and nobody signed for it"
        wish = signed.erasure
        if wish.realm != self.realm or not verify(signed.signature, signed.public_key, wish.signing_bytes()):
            return f"{len(told)} entries were erased in the name of {wish.person}, and the signature is not good"
        if (wish.count, wish.tombstones) != (len(told), tombstones_digest(tuple(told))):
            return f"what was erased is not what {wish.person} signed for"
        return ""
