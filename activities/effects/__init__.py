"""Effects: changes to the outside world, each kind with its parameters, how to do it and how to ask for it.

`KINDS` is the registry. A new kind is one file here, and one line there.
"""

from activities.effects.git_change import ChangeFiles
from activities.effects.git_commit import CommitFile
from activities.effects.git_params import FileChange, git_change_effect, git_commit_effect
from activities.effects.kinds import EffectContext, EffectKind

KINDS: dict[str, EffectKind] = {kind.kind: kind for kind in (CommitFile(), ChangeFiles())}

__all__ = [
    "KINDS",
    "ChangeFiles",
    "CommitFile",
    "EffectContext",
    "EffectKind",
    "FileChange",
    "git_change_effect",
    "git_commit_effect",
]
