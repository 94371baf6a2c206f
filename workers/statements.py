"""Statements about who may sign, as administrators make them: alone, or one file that several sign."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from contracts import wire
from contracts.decision import Signature
from contracts.errors import BadInput, CountersignError, NotEnough, NotFound, StateUnusable
from contracts.records import Person, PersonKey
from contracts.register import CHANGE, Membership, NewKey, Recovery, Registered
from contracts.signatures import signed_by
from ledger import Ledger, Trust
from workers import keys
from workers.settings import Settings

NO_ROLE = "none"


def pinned(ledger: Ledger) -> Trust:
    """The folder of trust, with roots in it. Raises StateUnusable without."""
    trust = ledger.trust
    if trust is None or not trust.is_pinned:
        raise StateUnusable(
            "Nobody's key is pinned on this host, so nobody can be accepted here.",
            subject="roots" if trust is None else str(trust.file),
            way_out="`countersign enrol` pins yours where it is the first. Else copy `roots` of the effects' host.",
        )
    return trust


def asking(ledger: Ledger) -> list[PersonKey]:
    """Keys in the table that nobody has signed for."""
    known, rows = {key.fingerprint for key in ledger.trusted_keys()}, ledger.keys()
    return [row for row in rows if row.fingerprint not in known and row.revoked_at is None]


def membership(ledger: Ledger, name: str, roles: Sequence[str] | None, given: Sequence[str] | None) -> Membership:
    """Who they are to be; what isn't given is what they have, or what they asked for. Raises NotFound, BadInput."""
    pinned(ledger)
    known = ledger.known()
    row = _row(ledger, name)
    person = known.people.get(name) or row or Person(name=name, display_name=name, roles=())
    if roles is None and name not in known.people and row is None:
        raise NotFound(
            f"{name!r} has asked for nothing here.", subject=name, way_out="Say what they are to be: --role."
        )
    if roles is not None:
        person = person.model_copy(update={"roles": () if NO_ROLE in roles else tuple(roles)})
    asked = [key.fingerprint for key in asking(ledger) if key.person == name] if not known.keys_of(name) else []
    first = tuple(new_key(ledger, name, each) for each in (asked if given is None else given))
    return Membership(realm=ledger.realm, person=person, keys=first, at=datetime.now(UTC))


def recovery(ledger: Ledger, name: str, given: str) -> Recovery:
    """That they lost their keys and have this one. Raises NotFound, BadInput."""
    pinned(ledger)
    return Recovery(realm=ledger.realm, person=name, key=new_key(ledger, name, given), at=datetime.now(UTC))


def new_key(ledger: Ledger, name: str, given: str) -> NewKey:
    """A key by its file, or by the fingerprint of one that asks."""
    if given.startswith("SHA256:"):
        row = ledger.key(given)
        if row is None or row.person != name:
            raise NotFound(f"No key {given} of {name!r} asks for anything.", subject=given)
        return NewKey(public_key=row.public_key, label=row.label)
    path = Path(given)
    if not path.is_file():
        raise BadInput(f"{given!r} is no file and no fingerprint.", subject=given, way_out="Give a .pub file.")
    line = path.read_text(errors="replace").strip()
    wire.fingerprint(line)
    return NewKey(public_key=line, label=" ".join(line.split()[2:]) or path.stem)


def mark(key: NewKey) -> str:
    return wire.fingerprint(key.public_key)


def fresh(file: Path) -> Path:
    """A file for a new statement. Raises BadInput where there is one."""
    if file.exists():
        raise BadInput(f"{file} is there already.", subject=str(file), way_out="Name another: --file.")
    return file


def read(file: Path) -> Membership | Recovery:
    """A statement from its file, which is exactly the bytes to sign. Raises BadInput."""
    try:
        body = file.read_bytes()
        statement = CHANGE.validate_json(body)
    except (OSError, ValidationError) as error:
        raise BadInput(f"{file} is no statement: {type(error).__name__}.", subject=str(file)) from error
    if not isinstance(statement, Membership | Recovery) or statement.signing_bytes() != body:
        raise BadInput(f"{file} is not a statement as it was written.", subject=str(file))
    return statement


def hand_in(settings: Settings, ledger: Ledger, statement: Membership | Recovery, file: Path) -> Registered:
    """Register it with our signature and those beside the file. NotEnough: file and signature wait to be sent on."""
    pinned(ledger)
    mine = _mine(settings, ledger, statement)
    beside = _beside(file)
    signatures = {each.key: each for each in (*beside, *mine)}
    if not signatures:
        raise NotEnough("Nobody has signed it yet.", subject=str(file))
    change = Registered(statement=statement, signatures=tuple(signatures.values()))
    try:
        ledger.register(change)
    except NotEnough:
        file.write_bytes(statement.signing_bytes())
        for each in mine:
            file.with_name(f"{file.name}.{keys.person_name(settings)}.sig").write_text(each.value)
        raise
    return change


def _mine(settings: Settings, ledger: Ledger, statement: Membership | Recovery) -> tuple[Signature, ...]:
    """Our own signature, where there is a key here and it is an administrator's."""
    try:
        [signature] = keys.registered(settings, statement).signatures
    except CountersignError:
        return ()
    known = ledger.known()
    key = known.keys.get(signature.key)
    return (signature,) if key is not None and key.person in known.administrators() else ()


def _beside(file: Path) -> list[Signature]:
    if not file.exists():
        return []
    found = [path.read_text(errors="replace") for path in sorted(file.parent.glob(f"{file.name}*.sig"))]
    return [Signature(scheme="sshsig", key=signed_by(each), value=each) for each in found]


def _row(ledger: Ledger, name: str) -> Person | None:
    try:
        return ledger.person(name)
    except NotFound:
        return None
