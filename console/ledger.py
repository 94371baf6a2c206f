"""The ledger: what happened?"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse

from console.access import Reading
from console.deps import Here
from contracts.errors import BadInput
from contracts.finding import Found, moment
from contracts.finding import Query as Asked
from contracts.records import EntryKind

router = APIRouter(include_in_schema=False)
PAGE = 100
KINDS: tuple[str, ...] = get_args(EntryKind)
Text = Annotated[str, Query(max_length=400)]


@dataclass(frozen=True)
class Form:
    """The form as it was filled in."""

    words: Text = ""
    kind: Text = ""
    run: Text = ""
    person: Text = ""
    workflow: Text = ""
    team: Text = ""
    repository: Text = ""
    since: Text = ""
    until: Text = ""

    @property
    def filled(self) -> dict[str, str]:
        return {name: value.strip() for name, value in vars(self).items() if value.strip()}

    @property
    def is_narrow(self) -> bool:
        """Whether more is asked than the fields that are always shown."""
        return bool(self.filled.keys() - {"words", "kind", "person", "since"})

    def asked(self, before: int) -> Asked:
        """BadInput for a time that is none."""
        now, filled = datetime.now(UTC), self.filled
        times = {name: moment(filled.pop(name, ""), now) for name in ("since", "until")}
        if filled.get("kind") not in KINDS:
            filled.pop("kind", None)
        return Asked.model_validate({**filled, **times, "before": before, "limit": PAGE})


@router.get("/ledger")
def ledger_page(
    here: Here, session: Reading, form: Annotated[Form, Depends()], before: Annotated[int, Query(ge=0, le=2**62)] = 0
) -> HTMLResponse:
    """The newest first."""
    problem, found = "", Found(entries=())
    try:
        found = here.ledger.search(form.asked(before))
    except BadInput as error:
        problem = str(error)
    older = f"/ledger?{urlencode({**form.filled, 'before': found.before})}" if found.before else ""
    return here.page(
        "ledger.html",
        session,
        found=found,
        form=form,
        before=before,
        older=older,
        problem=problem,
        kinds=KINDS,
        proved=here.prover.proof(),
    )
