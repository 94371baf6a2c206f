"""What is signed of a commit: its parameters, and the effect that a proposal lists."""

import hashlib
import re

from pydantic import Field, field_validator

from activities.toolbox import Identity
from contracts.base import Contract
from contracts.digests import canonical_json
from contracts.errors import BadInput
from contracts.proposal import Effect

KIND = "git.commit_file"
SHA = r"[0-9a-f]{40}([0-9a-f]{24})?"


class CommitParams(Contract):
    """What is signed. `base` is the commit that the file was read at, and becomes the commit's parent.

    `text_ref` names the file's new content in the artifact store; being a hash, it fixes the content.
    `since` and `until` are the ends of the range that the text tells of; `since` may be empty.
    """

    repository: str = Field(min_length=1)
    base: str
    branch: str
    path: str
    text_ref: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    subject: str = Field(min_length=1, max_length=200)
    body: str = Field(default="", max_length=200_000)
    since: str = ""
    until: str = ""
    author_name: str = "Countersign"
    author_email: str = "countersign@localhost"
    committer_name: str = "Countersign"
    committer_email: str = "countersign@localhost"

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

    @field_validator("path")
    @classmethod
    def inside(cls, value: str) -> str:
        parts = value.split("/")
        if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts) or re.search(r"[\0\n]", value):
            raise ValueError(f"{value!r} is not a path inside the repository")
        return value

    @field_validator("subject")
    @classmethod
    def one_line(cls, value: str) -> str:
        return one_line(value)


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
