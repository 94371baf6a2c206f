"""Named points where a crash would hurt. A test names one, and the process kills itself there.

`COUNTERSIGN_FAULT` names the point. With `COUNTERSIGN_FAULT_ONCE`, the path of a file, it happens once: the
file is made just before, and while it exists nothing happens. `COUNTERSIGN_FAULT=@PATH` reads the name from a file each
time, and removes that file before it dies: so a running process can be told where to. Where PATH is a folder, each file
in it names a point by its own name, and is removed by whoever dies there. Without the first variable all of it is
nothing.
"""

import os
import signal
from pathlib import Path

# Around each of these steps: as it starts, when its work is done, and when its entry is in the ledger.
RUN_STEPS = (
    "changelog.gather",
    "changelog.compose",
    "changelog.propose",
    "gate.standing",
    "gate.judge",
    "run.close",
    "effect.carry_out",
)
# Calls of a machine that aren't here go the way of `read` (they change nothing) or of `write`.
MACHINE_STEPS = ("machine.open", "machine.write", "machine.run", "machine.read", "machine.close", "run.recall")
# Of a fix (tests/chaos/test_kill_a_fix.py).
FIX_STEPS = (
    "ticket.read",
    "ticket.brief",
    "ticket.propose",
    "agent.think",
    "machine.project",
    "machine.tests",
    "machine.repair",
    "machine.prove",
    "machine.tool.look",
    "machine.tool.change",
)
# Of a triage of bugs (tests/chaos/test_kill_a_triage.py).
BUG_STEPS = ("bugs.gather", "bugs.assess", "machine.locate", "machine.reproduce", "bugs.propose")
# Of payables (tests/chaos/test_kill_payables.py).
PAYABLES_STEPS = ("payables.gather", "payables.plan", "payables.propose")
# Of a look at tickets (tests/chaos/test_kill_a_look.py).
SUPPORT_STEPS = (
    *("support.learn", "support.look", "support.word", "support.propose"),
    *("support.correct", "support.backfill", "support.report"),
)
DEALS_STEPS = ("deals.gather", "deals.train", "deals.rank", "deals.propose")
STEPS = (*RUN_STEPS, *MACHINE_STEPS, *FIX_STEPS, *BUG_STEPS, *PAYABLES_STEPS, *SUPPORT_STEPS, *DEALS_STEPS)
MOMENTS = ("started", "worked", "entered")

MACHINE_POINTS = (
    *(f"{step}.{moment}" for step in MACHINE_STEPS for moment in MOMENTS),
    "machine.before_command",
    "machine.after_command",
    "machine.after_checkpoint",
)
# Of a payment file (tests/activities/test_payment_file.py).
PAYMENT_POINTS = ("payment.after_stage", "payment.after_note", "payment.after_csv", "payment.after_xml")
FIX_POINTS = tuple(f"{step}.{moment}" for step in FIX_STEPS for moment in MOMENTS)
PAYABLES_POINTS = tuple(f"{step}.{moment}" for step in PAYABLES_STEPS for moment in MOMENTS)
DEALS_POINTS = tuple(f"{step}.{moment}" for step in DEALS_STEPS for moment in MOMENTS)
BUG_POINTS = tuple(f"{step}.{moment}" for step in BUG_STEPS for moment in MOMENTS)
SUPPORT_POINTS = tuple(f"{step}.{moment}" for step in SUPPORT_STEPS for moment in MOMENTS)
POINTS = (
    *(f"{step}.{moment}" for step in RUN_STEPS for moment in MOMENTS),
    "effect.before_intent",
    "effect.after_intent",
    "effect.after_ask",
    "effect.begun",
    "git.after_objects",
    "git.after_commit",
    "git.after_ref",
    "git.after_push",
    "git.before_merge",
    "git.after_merge",
    "pull.before_open",
    "pull.after_open",
    "issue.after_part",
    "run.after_start",
    *PAYMENT_POINTS,
    *DEALS_POINTS,
    "crm.after_change",
    "slack.after_post",
    "effect.after_act",
    "effect.after_finish",
    *MACHINE_POINTS,
    *FIX_POINTS,
    *BUG_POINTS,
    *PAYABLES_POINTS,
    *SUPPORT_POINTS,
    "support.kept",
    "support.part",
)

# Around the steps of a paid model call (activities/models/journal.py); tests/ledger kills at each of them.
MODEL_POINTS = (
    "model.before_reserve",
    "model.after_reserve",
    "model.in_call",
    "model.after_reply",
    "model.after_artifact",
    "model.after_settle",
)


def fault(point: str) -> None:
    """Die here by SIGKILL if this point was asked for. KeyError for a point that isn't one of the tuples' above."""
    if point not in POINTS and point not in MODEL_POINTS:
        raise KeyError(f"{point!r} is not one of the fault points: {', '.join((*POINTS, *MODEL_POINTS))}")
    asked = os.environ.get("COUNTERSIGN_FAULT", "")
    if asked.startswith("@"):
        return _told_by(Path(asked[1:]), point)
    if asked != point:
        return
    if once := os.environ.get("COUNTERSIGN_FAULT_ONCE"):
        try:
            os.close(os.open(once, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return
        except FileNotFoundError:
            Path(once).parent.mkdir(parents=True, exist_ok=True)
            return fault(point)
    os.kill(os.getpid(), signal.SIGKILL)


def _told_by(order: Path, point: str) -> None:
    if order.is_dir():
        order /= point
    if order.is_file() and order.read_text().strip() in ("", point):
        order.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def step_fault(step: str, moment: str) -> None:
    """The fault point of a step's moment. Nothing for a step that has none, such as somebody's own."""
    if step in STEPS:
        fault(f"{step}.{moment}")
