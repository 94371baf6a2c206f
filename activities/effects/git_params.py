"""What is signed of a commit: its parameters, and the effects that a proposal lists."""

import hashlib
import re
from collections.abc import Sequence
from typing import Literal

from pydantic import Field, field_validator

from activities.toolbox import Identity
from contracts.base import Contract
from contracts.digests import canonical_json
from contracts.errors import BadInput
from contracts.proposal import Effect

KIND = "git.commit_file"
CHANGE = "git.change"
MOST_FILES = 500
SHA = r"[0-9a-f]{40}([0-9a-f]{24})?"


def inside(path: str) -> str:
    """The path, if it is one inside a repository. ValueError otherwise."""
    parts = path.split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts) or re.search(r"[\0\n]", path):
        raise ValueError(f"{path!r} is not a path inside the repository")
    return path


class FileChange(Contract):
    """One file of a commit. `ref` names its new content in the artifact store and, being a hash, fixes it; empty:
    the file is removed. An empty `mode` leaves an existing file's as it is."""

    path: str
    ref: str = Field(pattern=r"^(sha256:[0-9a-f]{64})?$")
    mode: Literal["", "100644", "100755"] = ""

    @field_validator("path")
    @classmethod
    def is_inside(cls, value: str) -> str:
        return inside(value)


class Commit(Contract):
    """What every commit has. `base` is the commit that was read, and becomes the parent.

    `since` and `until` are the ends of the range that the text tells of; `since` may be empty.
    """

    repository: str = Field(min_length=1)
    base: str
    branch: str
    subject: str = Field(min_length=1, max_length=200)
    body: str = Field(default="", max_length=200_000)
    since: str = ""
    until: str = ""
    author_name: str = "Countersign"
    author_email: str = "countersign@localhost"
    committer_name: str = "Countersign"
    committer_email: str = "countersign@localhost"

    @property
    def changes(self) -> tuple[FileChange, ...]:
        """What differs from the base, a file at a time."""
        raise NotImplementedError

    @field_validator("base")
    @classmethod
    def full_sha(cls, value: str) -> str:
        if not re.fullmatch(SHA, value):
            raise ValueError("a full commit SHA is needed")
        return value

    @field_validator("branch")
    @classmethod
    def plain_branch(cls, value: str) -> str:
        """Stricter than git: letters, digits, and ./_- with none of git's special sequences."""
        wrong = ("..", "//", "/.", "./", ".lock", "@{")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}", value) or any(part in value for part in wrong):
            raise ValueError(f"{value!r} is not a branch name")
        if value.endswith(("/", ".")):
            raise ValueError(f"{value!r} is not a branch name")
        return value

    @field_validator("subject")
    @classmethod
    def one_line(cls, value: str) -> str:
        return one_line(value)


class CommitParams(Commit):
    """One file in one commit. `text_ref` names its new content."""

    path: str
    text_ref: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")

    @field_validator("path")
    @classmethod
    def is_inside(cls, value: str) -> str:
        return inside(value)

    @property
    def changes(self) -> tuple[FileChange, ...]:
        return (FileChange(path=self.path, ref=self.text_ref),)


class ChangeParams(Commit):
    """Several files in one commit. With `merge_into`, that branch takes the commit in once it is made: by moving
    forward, or by a merge where it has moved on and nobody touched these files. `ticket` is what it answers to."""

    files: tuple[FileChange, ...] = Field(min_length=1, max_length=MOST_FILES)
    merge_into: str = ""
    ticket: str = ""

    @field_validator("files")
    @classmethod
    def once_each(cls, value: tuple[FileChange, ...]) -> tuple[FileChange, ...]:
        if len({each.path for each in value}) != len(value):
            raise ValueError("a file is named twice")
        return value

    @field_validator("merge_into")
    @classmethod
    def plain_target(cls, value: str) -> str:
        return cls.plain_branch(value) if value else ""

    @property
    def changes(self) -> tuple[FileChange, ...]:
        return self.files


def one_line(text: str) -> str:
    """Control, direction and line break characters as spaces: a value can't start a trailer of its own, nor look
    like another."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]+", " ", text).strip()


def git_commit_effect(
    *,
    run: str,
    revision: int,
    repository: str,
    base: str,
    path: str,
    text: bytes,
    text_ref: str,
    lines: int,
    identity: Identity,
    subject: str,
    body: str = "",
    since: str = "",
    until: str = "",
    branch_stem: str = "changelog",
) -> Effect:
    """The effect for a proposal. `lines` is the number of added lines, for the button.

    The key depends on run, revision and content; the branch, too, so two proposals never share one.
    Raises BadInput when the values can't be committed.
    """
    content = hashlib.sha256(text).hexdigest()
    seed = [run, revision, repository, base, path, content]
    unique = hashlib.sha256(canonical_json(seed)).hexdigest()
    branch = f"countersign/{branch_stem}-{unique[:7]}"
    try:
        params = CommitParams(
            repository=repository,
            base=base,
            branch=branch,
            path=path,
            text_ref=text_ref,
            subject=subject,
            body=body,
            since=since,
            until=until or base,
            **identity.model_dump(),
        )
    except ValueError as error:
        raise BadInput(f"This can't be committed: {error}", subject=path) from error
    amount = f"{lines:,} line" + ("" if lines == 1 else "s")
    return Effect(
        kind=KIND,
        key=f"{KIND}/{unique[:40]}",
        says=f"Commit {amount} to {path} on branch {branch} as {one_line(identity.author_name)}",
        params=params.model_dump(mode="json"),
    )


def git_change_effect(
    *,
    run: str,
    revision: int,
    repository: str,
    base: str,
    files: Sequence[FileChange],
    identity: Identity,
    subject: str,
    body: str = "",
    merge_into: str = "",
    ticket: str = "",
    branch_stem: str = "change",
) -> Effect:
    """The effect of a change of several files. Key and branch depend on run, revision and content, as above.

    Raises BadInput when the values can't be committed.
    """
    seed = [run, revision, repository, base, merge_into, [each.model_dump() for each in files]]
    unique = hashlib.sha256(canonical_json(seed)).hexdigest()
    branch = f"countersign/{branch_stem}-{unique[:7]}"
    try:
        params = ChangeParams(
            repository=repository,
            base=base,
            branch=branch,
            files=tuple(files),
            subject=subject,
            body=body,
            merge_into=merge_into,
            ticket=ticket,
            until=base,
            **identity.model_dump(),
        )
    except ValueError as error:
        raise BadInput(f"This can't be committed: {error}", subject=subject) from error
    amount = f"{len(files):,} file" + ("" if len(files) == 1 else "s")
    then = f" and merge it into {merge_into}" if merge_into else ""
    return Effect(
        kind=CHANGE,
        key=f"{CHANGE}/{unique[:40]}",
        says=f"Commit {amount} on branch {branch} as {one_line(identity.author_name)}{then}",
        params=params.model_dump(mode="json"),
    )
