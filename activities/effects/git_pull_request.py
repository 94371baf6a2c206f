"""The effect `git.pull_request`: one commit on one new branch, pushed, and a pull request of it at GitHub.

The commit and its branch are `git_change`'s. The pull request names the digest that was signed in its last lines, so
"did it happen already?" has an answer even where the branch is gone since: a pull request of that digest is never
opened again, be it open, closed or merged.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from gidgethub import HTTPException
from pydantic import JsonValue

from activities.effects.git_change import ChangeFiles
from activities.effects.git_place import Place
from activities.effects.kinds import EffectContext, Facts
from activities.effects.pull_params import PANEL, PULL, PullParams, pull_panel
from activities.faults import fault
from activities.services.github import GitHub, github
from activities.services.repository import GitHubRepository, github_repository
from contracts.errors import AccessRefused, BadInput, DestinationMoved, NotSigned
from contracts.proposal import Panel

LIST = "/repos/{owner}/{name}/pulls{?head,state,per_page}"
OPEN = "/repos/{owner}/{name}/pulls"
MOST = 100


class OpenPullRequest(ChangeFiles):
    """The kind. See `activities.effects.kinds.EffectKind`."""

    kind = PULL
    params = PullParams
    editable = ("branch", "subject", "body", "title", "text")

    def retold(self, panels: tuple[Panel, ...], before: Any, after: Any) -> tuple[Panel, ...]:
        return tuple(pull_panel(after) if panel == pull_panel(before) else panel for panel in panels)

    async def ask(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts | None:
        """Look for a pull request of this digest; then at the branch, whose pull request may still be missing."""
        wanted: PullParams = self.wanted(params)
        _require_shown(wanted, context)
        async with _api(wanted, context) as (api, repository):
            for pull in await _pulls(api, repository, wanted, "all"):
                if _digest_line(context) in str(pull.get("body") or "").splitlines():
                    return _facts(api, repository, wanted, pull)
        return await super().ask(params, context)

    async def found(self, place: Place, wanted: Any, context: EffectContext, commit: str) -> Facts | None:
        """The branch is there with our commit, and no pull request of it."""
        return await self.published(place, wanted, context, commit)

    async def published(self, place: Place, wanted: Any, context: EffectContext, commit: str) -> Facts:
        async with _api(wanted, context) as (api, repository):
            pull = await _opened(api, repository, wanted, context)
            return _facts(api, repository, wanted, pull, commit)


@asynccontextmanager
async def _api(wanted: PullParams, context: EffectContext) -> AsyncIterator[tuple[GitHub, GitHubRepository]]:
    """GitHub, with the credential to write. AccessRefused without one, before anything is pushed."""
    services = context.toolbox.services
    repository = github_repository(wanted.repository, services)
    if repository is None:
        raise BadInput(
            f"{wanted.repository!r} is at no GitHub of the settings.",
            subject=wanted.repository,
            way_out="Name its host in COUNTERSIGN_GITHUB where the worker is started.",
        )
    if repository.service.credential is None:
        raise AccessRefused(
            f"Nothing lets this process open a pull request at {repository.service.place}.",
            subject=wanted.repository,
            way_out=repository.service.way_in,
        )
    async with github(repository, services.authorities) as api:
        yield api, repository


async def _pulls(api: GitHub, repository: GitHubRepository, wanted: PullParams, state: str) -> list[dict[str, Any]]:
    """The pull requests of our branch."""
    head = f"{repository.owner}:{wanted.branch}"
    with api.explained(f"list the pull requests of {repository}", wanted.repository):
        return await api.some(LIST, MOST, **repository.parts, head=head, state=state, per_page="100")


async def _opened(
    api: GitHub, repository: GitHubRepository, wanted: PullParams, context: EffectContext
) -> dict[str, Any]:
    """The open pull request of the branch, which holds nothing but what was signed; made if there is none."""
    if there := await _pulls(api, repository, wanted, "open"):
        return there[0]
    fault("pull.before_open")
    asked = {
        "title": wanted.title,
        "head": wanted.branch,
        "base": wanted.into,
        "body": f"{wanted.text}\n\n---\nCountersign-Run: {context.run}\n{_digest_line(context)}\n",
    }
    with api.explained(f"open a pull request of {wanted.branch} into {wanted.into}", wanted.repository):
        try:
            made = api.is_object(await api.post(OPEN, repository.parts, data=asked))
        except HTTPException as error:
            if error.status_code != 422:
                raise
            # Opened by an attempt whose answer was lost, or it can't be.
            if there := await _pulls(api, repository, wanted, "open"):
                return there[0]
            raise DestinationMoved(
                f"{api.web.service.name} can't open a pull request of {wanted.branch} into {wanted.into}: "
                f"{api.web.quoted(error)}.",
                subject=wanted.repository,
                way_out=f"The commit is on {wanted.branch}: open it by hand, or start a new run.",
            ) from None
    fault("pull.after_open")
    return made


def _digest_line(context: EffectContext) -> str:
    return f"Countersign-Digest: {context.digest}"


def _require_shown(wanted: PullParams, context: EffectContext) -> None:
    """The words that the person saw are those that will be there. See `git_commit`'s check of the diffs."""
    proposal = context.toolbox.ledger.proposal(context.digest)
    if [panel for panel in proposal.panels if panel.title == PANEL] != [pull_panel(wanted)]:
        raise NotSigned(
            "The pull request that was shown is not what would be opened.",
            subject=wanted.branch,
            way_out="Sign nothing more of this workflow until you know who wrote the proposal.",
        )


def _facts(
    api: GitHub, repository: GitHubRepository, wanted: PullParams, pull: Mapping[str, Any], commit: str = ""
) -> Facts:
    with api.explained("tell of its pull request", wanted.repository):
        number = int(pull["number"])
        state = "merged" if pull.get("merged_at") else str(pull["state"])
        commit = commit or str(pull["head"]["sha"])
    url = f"{repository.service.web}/{repository}/pull/{number}"
    now = "" if state == "open" else f", which is {state}"
    return {
        "says": f"Pull request #{number} of {wanted.branch} into {wanted.into}{now}: {url}",
        "pull_request": url,
        "number": number,
        "state": state,
        "commit": commit,
        "branch": wanted.branch,
        "into": wanted.into,
        "repository": wanted.repository,
        "base": wanted.base,
        "ticket": wanted.ticket,
    }
