"""The batch: shall these happen, all of them? One list to read, one signature, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse

from console.access import Deciding
from console.deps import Console, Here
from console.inbox import Item, item
from console.keys import signers
from console.sessions import Session
from contracts.batch import MOST
from contracts.records import EffectRecord

router = APIRouter(include_in_schema=False)
Ids = Annotated[list[str], Query(alias="id", min_length=1, max_length=MOST)]


@dataclass(frozen=True)
class Line:
    """One proposal of the list, what its effects did, and the address of the page without it."""

    item: Item
    effects: tuple[EffectRecord, ...]
    without: str


@dataclass(frozen=True)
class View:
    """`ready`: to be signed; `apart`: open, and not in this batch; `closed`: decided."""

    ready: tuple[Line, ...]
    apart: tuple[Line, ...]
    closed: tuple[Line, ...]

    @property
    def version(self) -> str:
        parts = (self.ready, self.apart, self.closed)
        effects = ",".join(effect.state for line in self.closed for effect in line.effects)
        return "/".join(["-".join(line.item.record.digest[7:19] for line in part) for part in parts] + [effects])

    @property
    def changes(self) -> int:
        """How many effects there will be."""
        return sum(len(line.item.proposal.effects) for line in self.ready if line.item.proposal)


@router.get("/batch")
def batch(here: Here, session: Deciding, ids: Ids) -> HTMLResponse:
    lines = [line(here, session, digest, ids) for digest in ids]
    unique = list({each.item.record.digest: each for each in lines}.values())
    return here.page(
        "batch.html", session, view=view(unique), signers=signers(here, session), switch=here.ledger.effect_switch()
    )


def line(here: Console, session: Session, digest: str, ids: Sequence[str]) -> Line:
    found = item(here, session, here.ledger.proposal_record(digest))
    effects = [each for each in here.ledger.effects(run=found.record.run) if each.digest == found.record.digest]
    rest = [("id", each) for each in ids if each != digest]
    return Line(found, tuple(effects), f"/batch?{urlencode(rest)}" if rest else "/")


def view(lines: Sequence[Line]) -> View:
    open_ones = [each for each in lines if each.item.record.state == "open"]
    return View(
        ready=tuple(each for each in open_ones if each.item.batchable),
        apart=tuple(each for each in open_ones if not each.item.batchable),
        closed=tuple(each for each in lines if each not in open_ones),
    )
