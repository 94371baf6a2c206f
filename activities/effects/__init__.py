"""Effects: changes to the outside world, each kind with its parameters, how to do it and how to ask for it.

`KINDS` is the registry. A new kind is one file here, and one line there.
"""

from activities.effects.git_change import ChangeFiles
from activities.effects.git_commit import CommitFile
from activities.effects.git_params import FileChange, git_change_effect, git_commit_effect
from activities.effects.git_pull_request import OpenPullRequest
from activities.effects.kinds import EffectContext, EffectKind
from activities.effects.pull_params import pull_effect, pull_panel

KINDS: dict[str, EffectKind] = {kind.kind: kind for kind in (CommitFile(), ChangeFiles(), OpenPullRequest())}

__all__ = [
    "KINDS",
    "ChangeFiles",
    "CommitFile",
    "EffectContext",
    "EffectKind",
    "FileChange",
    "OpenPullRequest",
    "git_change_effect",
    "git_commit_effect",
    "pull_effect",
    "pull_panel",
]
