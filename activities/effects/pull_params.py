"""What is signed of a pull request: its commit, its words, and the branch that it is for."""

import hashlib
import re
from collections.abc import Sequence

from pydantic import Field, field_validator

from activities.effects.git_params import ChangeParams, FileChange, one_line
from activities.toolbox import Identity
from contracts import shown
from contracts.digests import canonical_json
from contracts.errors import BadInput
from contracts.proposal import Effect, MarkdownPanel

PULL = "git.pull_request"
PANEL = "The pull request"
# GitHub makes references, and closes issues, by words in titles and messages. What a ticket says must not.
_REFERENCE = re.compile(r"(?:#|\bGH-|(?<=/issues/)|(?<=/pull/))(?=[0-9])", re.IGNORECASE)


class PullParams(ChangeParams):
    """A commit of several files, pushed as a branch, and a pull request of that branch into `into`.

    `title` and `text` (Markdown) are as people will read them there; `text` gets two lines more that nobody can
    know before they sign: the run and the digest.
    """

    title: str = Field(min_length=1, max_length=250)
    text: str = Field(max_length=30_000)
    into: str

    @field_validator("into")
    @classmethod
    def plain_into(cls, value: str) -> str:
        return cls.plain_branch(value)

    @field_validator("title")
    @classmethod
    def title_on_a_line(cls, value: str) -> str:
        return one_line(value)

    @field_validator("merge_into")
    @classmethod
    def merges_nothing(cls, value: str) -> str:
        if value:
            raise ValueError("a pull request is merged at its host")
        return value


def pull_panel(params: PullParams) -> MarkdownPanel:
    """What a reviewer reads of it. It is made anew before anything is done, and has to be the same."""
    head = f"**{shown.words(params.title)}**\n\nFrom `{params.branch}` into `{params.into}`."
    return MarkdownPanel(
        title=PANEL,
        text=f"{head}\n\n---\n\n{params.text}\n\n---\n\nThe run and the digest of what you sign are written below it.",
    )


def quiet(text: str) -> str:
    """Words without references to issues: #12 is №12."""
    return _REFERENCE.sub("№", text)


def pull_effect(
    *,
    run: str,
    revision: int,
    repository: str,
    base: str,
    into: str,
    files: Sequence[FileChange],
    identity: Identity,
    subject: str,
    body: str,
    title: str,
    text: str,
    ticket: str,
    place: str,
) -> tuple[Effect, PullParams]:
    """The effect, and its parameters to be shown. `place`: the repository as people call it.

    Key and branch depend on the ticket, the run, the revision and all the content. Raises BadInput.
    """
    seed = [run, revision, ticket, repository, base, into, title, text, [each.model_dump() for each in files]]
    unique = hashlib.sha256(canonical_json(seed)).hexdigest()
    try:
        params = PullParams(
            repository=repository,
            base=base,
            branch=f"countersign/fix-{unique[:12]}",
            files=tuple(files),
            subject=quiet(subject),
            body=quiet(body),
            ticket=ticket,
            title=quiet(title),
            text=text,
            into=into,
            until=base,
            **identity.model_dump(),
        )
    except ValueError as error:
        raise BadInput(f"This can't become a pull request: {error}", subject=subject) from error
    amount = f"{len(files):,} file" + ("" if len(files) == 1 else "s")
    effect = Effect(
        kind=PULL,
        key=f"{PULL}/{unique[:40]}",
        says=f"Push {amount} to {place} on branch {params.branch} as {one_line(identity.author_name)} and open a pull "
        f"request into {into}",
        params=params.model_dump(mode="json"),
    )
    return effect, params
