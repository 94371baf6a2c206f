"""Effects: changes to the outside world, each kind with its parameters, how to do it and how to ask for it.

`KINDS` is the registry. A new kind is one file here, and one line there.
"""

from activities.effects.git_change import ChangeFiles
from activities.effects.git_commit import CommitFile
from activities.effects.git_params import FileChange, git_change_effect, git_commit_effect
from activities.effects.git_pull_request import OpenPullRequest
from activities.effects.issue_params import IssueParams, issue_effect
from activities.effects.issue_update import UpdateIssue
from activities.effects.kinds import EffectContext, EffectKind
from activities.effects.payment_file import PaymentFile
from activities.effects.pull_params import pull_effect, pull_panel

KINDS: dict[str, EffectKind] = {
    kind.kind: kind for kind in (CommitFile(), ChangeFiles(), OpenPullRequest(), UpdateIssue(), PaymentFile())
}

__all__ = [
    "KINDS",
    "ChangeFiles",
    "CommitFile",
    "EffectContext",
    "EffectKind",
    "FileChange",
    "IssueParams",
    "OpenPullRequest",
    "git_change_effect",
    "git_commit_effect",
    "issue_effect",
    "pull_effect",
    "pull_panel",
]
