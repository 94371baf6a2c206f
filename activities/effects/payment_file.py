"""The effect `payment.file`: a payment file and the same as CSV, in the operator's outbox. It never pays anything.

Both are made anew from what was signed, and must have the hashes that were signed. They are written beside the outbox's
own files, then a note of it, then moved in. So whatever is killed when, and though a bank's program may take a file
away at once, each is there once: a note without the file beside it says that it was moved in.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from pydantic import JsonValue

from activities.effects.kinds import EffectContext, Facts
from activities.effects.payment_params import KIND, PaymentFileParams
from activities.faults import fault
from activities.payables.pain001 import document, table
from contracts.errors import AccessRefused, BadInput, DestinationMoved, DiskFull, Expired, NotSigned
from contracts.gate import Touches
from ledger import Ledger

STAGE = ".countersign"  # the folder in the outbox where files are made, and where it is noted that they were
CSV = "csv"  # the folder in the outbox for the files that no bank must take as well
LOOKED_AT = 2_000  # earlier payment files of the same books


class PaymentFile:
    """The kind. See `activities.effects.kinds.EffectKind`."""

    kind = KIND
    askable = True
    cancellable = True  # killed anywhere, it goes on from what is there

    def subject(self, params: Mapping[str, JsonValue]) -> str:
        return self.wanted(params).source

    def touches(self, params: Mapping[str, JsonValue]) -> Touches:
        """`payments/usual`, or `payments/changed-bank-details`, `payments/first-payment`; and the sum in dollars."""
        wanted = self.wanted(params)
        way = (wanted.alone or "usual").replace(" ", "-")
        return Touches(paths=(f"payments/{way}",), usd=wanted.usd)

    async def ask(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts | None:
        """Look for the file, or for the note that it was moved in. DestinationMoved where another has its name."""
        wanted = self.wanted(params)
        return await asyncio.to_thread(_asked, wanted, _outbox(context))

    async def act(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts:
        """Make both files, check that they are what was signed, and move them in."""
        wanted = self.wanted(params)
        await asyncio.to_thread(_require_not_paid, wanted, context)
        await asyncio.to_thread(_require_in_time, wanted, _outbox(context))
        return await asyncio.to_thread(_written, wanted, _outbox(context))

    def wanted(self, params: Mapping[str, JsonValue]) -> PaymentFileParams:
        """The parameters as this kind's own model. Raises BadInput."""
        try:
            return PaymentFileParams.model_validate(params)
        except ValueError as error:
            raise BadInput(f"The effect's parameters can't be used: {error}", subject=self.kind) from error


@dataclass(frozen=True)
class Earlier:
    """What the files say that were signed and written here for the same books: where each vendor was paid to, newest
    last, which file pays an invoice, and what leaves when."""

    accounts: dict[str, tuple[str, ...]]
    invoices: dict[str, str]
    leaves: tuple[tuple[date, Decimal, str], ...] = ()  # what leaves on which day, in which currency


def earlier(ledger: Ledger, source: str) -> Earlier:
    """Of the newest files of these books."""
    accounts: dict[str, tuple[str, ...]] = {}
    invoices: dict[str, str] = {}
    leaves = list[tuple[date, Decimal, str]]()
    done = ledger.effects(kind=KIND, subject=source, state="done", limit=LOOKED_AT)
    for record in sorted(done, key=lambda each: each.finished_at or each.intended_at):
        paid, listed = record.outcome.get("accounts"), record.outcome.get("invoices")
        for vendor, account in paid.items() if isinstance(paid, dict) else ():
            accounts[vendor] = (*accounts.get(vendor, ()), str(account))
        for invoice in listed if isinstance(listed, list) else ():
            invoices[str(invoice)] = Path(str(record.outcome.get("file", ""))).name
        days = record.outcome.get("days")
        for day, total in days.items() if isinstance(days, dict) else ():
            leaves.append((date.fromisoformat(day), Decimal(str(total)), str(record.outcome.get("currency"))))
    return Earlier(accounts, invoices, tuple(leaves))


def _require_not_paid(wanted: PaymentFileParams, context: EffectContext) -> None:
    """No invoice is in two files, and only a file that says so pays a vendor at another account than the last one."""
    known = earlier(context.toolbox.ledger, wanted.source)
    for line in wanted.lines:
        if again := next((each for each in line.invoices if each in known.invoices), None):
            raise DestinationMoved(
                f"The invoice {again!r} of {line.name} is in {known.invoices[again]} already.",
                subject=again,
                way_out="Start the run again: it leaves out what is paid.",
            )
        accounts = known.accounts.get(line.vendor)
        if accounts and accounts[-1] != line.iban and wanted.alone != "changed bank details":
            raise NotSigned(
                f"{line.name} was paid at {accounts[-1]} last, and would be paid at {line.iban} now.",
                subject=line.vendor,
                way_out="A changed account is signed by two people, in a file of its own. Start the run again.",
            )


def _require_in_time(wanted: PaymentFileParams, outbox: Path) -> None:
    """A file whose day the bank takes no orders for any more is not written; one of which a part is out is ended."""
    _, staged, note = _places(wanted, outbox, CSV)
    begun = note.exists() and not staged.exists()
    if wanted.send_by is None or datetime.now(UTC) <= wanted.send_by or begun:
        return
    first = min(line.day for line in wanted.lines)
    raise Expired(
        f"The bank took orders for {first} until {wanted.send_by:%Y-%m-%d %H:%M} UTC, and the file pays then: it was "
        "not written.",
        subject=wanted.name,
        way_out="Start the run again: it plans with the days that can still be reached, and asks anew.",
    )


def _asked(wanted: PaymentFileParams, outbox: Path) -> Facts | None:
    with _explained(outbox):
        final, staged, note = _places(wanted, outbox, "xml")
        if final.exists() or final.is_symlink():
            _require_ours(final, wanted.xml_sha256)
            return _facts(wanted, final)
        return _facts(wanted, final) if note.exists() and not staged.exists() else None


def _written(wanted: PaymentFileParams, outbox: Path) -> Facts:
    bodies = {"csv": table(wanted), "xml": document(wanted)}
    _require_signed(wanted, bodies)
    with _explained(outbox):
        for ending, body in bodies.items():
            final, staged, note = _places(wanted, outbox, ending)
            staged.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            final.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            if final.exists() or final.is_symlink():
                _require_ours(final, hashlib.sha256(body).hexdigest())
            elif staged.exists() or not note.exists():  # else it was moved in, and taken away
                _write(staged, body)
        fault("payment.after_stage")
        _write(note, wanted.xml_sha256.encode())
        fault("payment.after_note")
        for ending in bodies:  # the one that a bank takes comes last
            final, staged, _ = _places(wanted, outbox, ending)
            if staged.exists():
                staged.replace(final)
                _sync(final.parent)
            fault(f"payment.after_{ending}")
        return _facts(wanted, final)


def _require_signed(wanted: PaymentFileParams, bodies: Mapping[str, bytes]) -> None:
    made = {ending: hashlib.sha256(body).hexdigest() for ending, body in bodies.items()}
    if made != {"xml": wanted.xml_sha256, "csv": wanted.csv_sha256}:
        raise NotSigned(
            f"The payments of {wanted.name!r} do not make the file whose hash was signed.",
            subject=wanted.name,
            way_out="If the workers are of different releases, deploy one to all and start the run again.",
        )


def _require_ours(path: Path, sha256: str) -> None:
    if path.is_symlink() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise DestinationMoved(
            f"The outbox has another file {path.name!r} already.",
            subject=str(path),
            way_out="Look at it, move it away, and retry.",
        )


def _facts(wanted: PaymentFileParams, final: Path) -> Facts:
    count = f"{wanted.count} payment{'s' * (wanted.count != 1)}"
    return {
        "says": f"Wrote {final.name} with {count}, {wanted.total:,} {wanted.currency} in all, into the outbox.",
        "file": str(final),
        "sha256": wanted.xml_sha256,
        "count": wanted.count,
        "total": str(wanted.total),
        "currency": wanted.currency,
        "accounts": {line.vendor: line.iban for line in wanted.lines},
        "days": {str(day): str(total) for day, total in _by_day(wanted).items()},
        "invoices": [invoice for line in wanted.lines for invoice in line.invoices],
    }


def _by_day(wanted: PaymentFileParams) -> dict[date, Decimal]:
    found: dict[date, Decimal] = {}
    for line in wanted.lines:
        found[line.day] = found.get(line.day, Decimal(0)) + line.amount
    return found


def _outbox(context: EffectContext) -> Path:
    return context.toolbox.outbox or context.toolbox.state / "outbox"


def _places(wanted: PaymentFileParams, outbox: Path, ending: str) -> tuple[Path, Path, Path]:
    """Where the file goes, where it is made, and the note that it was."""
    stage, folder = outbox / STAGE, outbox / CSV if ending == "csv" else outbox
    return folder / f"{wanted.name}.{ending}", stage / f"{wanted.name}.{ending}", stage / f"{wanted.name}.note"


def _write(path: Path, data: bytes) -> None:
    """The whole of it or nothing, on the disk."""
    beside = path.with_name(f"{path.name}.part")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.chmod(0o640)
    beside.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _explained(outbox: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                "The disk of the outbox is full; no payment file was written.",
                subject=str(outbox),
                way_out="Free some space and retry.",
            ) from error
        raise AccessRefused(
            f"The outbox {str(outbox)!r} can't be written ({error.strerror}).",
            subject=str(outbox),
            way_out="Let the effects' worker write there, or set COUNTERSIGN_PAYMENT_OUTBOX to another folder.",
        ) from error
