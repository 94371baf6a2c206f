"""How a source was read last, kept in the ledger: the next reading asks for what changed since. All of it can be made
again: what is missing, damaged or of another form counts as not there, and everything is read anew.
"""

from datetime import UTC, datetime, timedelta

from activities.bug_triage import backlogs
from activities.toolbox import Toolbox
from contracts.bug_triage import Backlog, History
from contracts.errors import CountersignError

FORM = 1  # of what is kept: another number where issues are read otherwise
# What was deleted or moved away, and labels that got another name, are no change of an issue: all is read again then.
WHOLE_EVERY = timedelta(days=7)
MILESTONES_EVERY = timedelta(hours=1)
HISTORY = "bugs/history/"


def kept(tools: Toolbox, source: str, now: datetime) -> tuple[History, Backlog] | None:
    """The last reading, and what it gave; None: all has to be read."""
    told = tools.ledger.cursor(HISTORY + source)
    try:
        history = History.model_validate_json(told)
        if history.form != FORM or now - history.whole > WHOLE_EVERY or now < history.whole:
            return None
        return history, backlogs.read(tools.artifacts, history.backlog)
    except (ValueError, CountersignError):
        return None


def keep(tools: Toolbox, source: str, history: History) -> None:
    tools.ledger.move_cursor(HISTORY + source, history.model_dump_json())


def clock() -> datetime:
    return datetime.now(UTC)
