"""Effects: changes to the outside world, each kind with its parameters, how to do it and how to ask for it.

`KINDS` is the registry. A new kind is one file here, and one line there.
"""

from activities.effects.crm import MakeTask, SetField
from activities.effects.crm_params import FieldParams, TaskParams, field_effect, task_effect
from activities.effects.git_change import ChangeFiles
from activities.effects.git_commit import CommitFile
from activities.effects.git_params import FileChange, git_change_effect, git_commit_effect
from activities.effects.git_pull_request import OpenPullRequest
from activities.effects.issue_params import IssueParams, issue_effect
from activities.effects.issue_update import UpdateIssue
from activities.effects.kinds import EffectContext, EffectKind
from activities.effects.payment_file import PaymentFile
from activities.effects.pull_params import pull_effect, pull_panel
from activities.effects.run_start import StartRun, start_effect
from activities.effects.slack_post import PostParams, PostToSlack, post_effect
from activities.effects.ticket_update import UpdateTicket

_ALL: tuple[EffectKind, ...] = (
    CommitFile(),
    ChangeFiles(),
    OpenPullRequest(),
    UpdateIssue(),
    StartRun(),
    PaymentFile(),
    MakeTask(),
    SetField(),
    PostToSlack(),
    UpdateTicket(),
)
KINDS: dict[str, EffectKind] = {kind.kind: kind for kind in _ALL}

__all__ = [
    "KINDS",
    "ChangeFiles",
    "CommitFile",
    "EffectContext",
    "EffectKind",
    "FieldParams",
    "FileChange",
    "IssueParams",
    "MakeTask",
    "OpenPullRequest",
    "PostParams",
    "PostToSlack",
    "SetField",
    "TaskParams",
    "UpdateTicket",
    "field_effect",
    "git_change_effect",
    "git_commit_effect",
    "issue_effect",
    "post_effect",
    "pull_effect",
    "pull_panel",
    "start_effect",
    "task_effect",
]
