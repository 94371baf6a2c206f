"""Salesforce, by simple-salesforce, with answers looked at before it sees them.

Its credential is an access token; or, where the operator names a user, that is a connected app's consumer key, and the
secret lets us ask for a token (OAuth 2.0 client credentials).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import requests
from simple_salesforce import exceptions
from simple_salesforce.api import Salesforce

from activities.crm import guard
from activities.crm.patience import NONE, Patience
from activities.crm.protocol import Task
from activities.services.service import Service
from contracts.errors import AccessRefused, BadInput, ServiceBusy, StrangeReply

VERSION = "59.0"
ID = re.compile(r"[A-Za-z0-9]{15,18}")
FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}(\.[A-Za-z][A-Za-z0-9_]{0,79}){0,3}")
MOST_TASKS = 2_000
_WAIT = ("REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW")


class GuardedSession(requests.Session):
    """Never redirected, never without a timeout, deaf to the environment; answers that are none don't come through."""

    def __init__(self, service: Service, authorities: Path | None) -> None:
        super().__init__()
        self.service, self.trust_env = service, False
        self.verify = str(authorities) if authorities else True

    def request(self, method: str, url: str, *args: Any, **more: Any) -> requests.Response:  # type: ignore[override]
        if not str(url).startswith(f"{self.service.web}/"):
            raise guard.strange(self.service, "addresses below its own")
        known = {"timeout": guard.TIMEOUT, "allow_redirects": False, "stream": True}
        try:
            response = super().request(method, url, *args, **(more | known))
            content = response.raw.read(guard.LARGEST + 1, decode_content=True)
        except (requests.RequestException, OSError) as error:
            raise guard.unreachable(self.service, error) from None
        except Exception as error:  # urllib3's own, of an answer that breaks off
            raise guard.unreachable(self.service, error) from None
        if len(content) > guard.LARGEST:
            raise StrangeReply(f"{self.service.name} answers with over 64 MB.", subject=self.service.place)
        response._content, response._content_consumed = content, True
        guard.check(self.service, response.status_code, response.headers, content)
        return response


class SalesforceCrm:
    """One organisation of Salesforce."""

    def __init__(self, service: Service, authorities: Path | None) -> None:
        self.service = service
        session = GuardedSession(service, authorities)
        self.client: Any = Salesforce(
            instance=service.place, session_id=_token(service, session), session=session, version=VERSION
        )

    def task_of(self, deal: str, marker: str) -> str:
        query = f"SELECT Id, Description FROM Task WHERE WhatId = '{_id(deal)}' ORDER BY CreatedDate DESC"  # noqa: S608
        for number, row in enumerate(self.rows(query)):
            if marker in str(row.get("Description") or "").splitlines():
                return self._where("Task", str(row.get("Id", "")))
            if number >= MOST_TASKS:
                break
        return ""

    def make_task(self, task: Task) -> str:
        body = {
            "WhatId": _id(task.deal),
            "Subject": task.subject[:255],
            "Description": f"{task.text}\n\n{task.marker}",
            "ActivityDate": task.due.isoformat(),
            **({"OwnerId": _id(task.owner_id)} if task.owner_id else {}),
        }
        with self.explained(f"make a task of {task.deal}", task.deal):
            made = self.client.Task.create(body)
        return self._where("Task", self._made(made))

    def field_of(self, deal: str, field: str) -> str:
        with self.explained(f"read {field} of {deal}", deal):
            row = self.client.Opportunity.get(_id(deal))
        value = row.get(_field(field)) if isinstance(row, Mapping) else None
        return "" if value is None else str(value)

    def set_field(self, deal: str, field: str, value: str, marker: str) -> str:
        with self.explained(f"write {field} of {deal}", deal):
            self.client.Opportunity.update(_id(deal), {_field(field): value})
        return self._where("Opportunity", deal)

    def rows(self, query: str, *, archived: bool = False, patient: Patience = NONE) -> Iterator[Mapping[str, Any]]:
        """All rows of a query, page by page; with `archived` those too that were put away, or deleted."""
        said = patient(lambda: self._page(self.client.query, query, include_deleted=archived))
        while True:
            yield from said["records"]
            following = said.get("nextRecordsUrl")
            if said.get("done") or not following:
                return
            said = patient(lambda: self._page(self.client.query_more, following, identifier_is_url=True))  # noqa: B023
            if said.get("nextRecordsUrl") == following:
                raise guard.strange(self.service, "an end of its pages")

    def fields(self, patient: Patience) -> Mapping[str, str]:
        """The fields of opportunities, with what people call each. Lookups are there by their relation's name too."""
        with self.explained("describe opportunities", self.service.place):
            found: dict[str, str] = {}
            for each in patient(self.client.Opportunity.describe)["fields"]:
                found[str(each["name"])] = str(each.get("label") or "")
                if each.get("relationshipName"):
                    found[f"{each['relationshipName']}."] = ""
            return found

    def _page(self, call: Callable[..., Any], *args: Any, **more: Any) -> Mapping[str, Any]:
        with self.explained("answer a query", self.service.place):
            said = call(*args, **more)
        found = said.get("records") if isinstance(said, Mapping) else None
        if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
            raise guard.strange(self.service, "rows")
        return cast(Mapping[str, Any], said)

    @contextmanager
    def explained(self, what: str, subject: str) -> Iterator[None]:
        """The client's errors as ours."""
        try:
            yield
        except exceptions.SalesforceError as error:
            raise self._as_ours(error, what, subject) from None
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            raise guard.strange(self.service, "what its API promises") from None

    def _as_ours(self, error: exceptions.SalesforceError, what: str, subject: str) -> Exception:
        found: list[Any] = error.content if isinstance(error.content, list) and error.content else [{}]
        first = found[0] if isinstance(found[0], Mapping) else {}
        code, says = str(first.get("errorCode", "")), guard.quoted(self.service, first.get("message", error.status))
        if code in _WAIT:
            return ServiceBusy(f"{self.service.name} asks for patience: {code}.", subject=self.service.place)
        if error.status == 403:
            return guard.refused(self.service, says)
        if error.status == 404:
            return guard.gone(self.service, what, subject)
        return BadInput(
            f"{self.service.name} can't {what}: {says}.",
            subject=subject,
            way_out="Correct the methodology's columns, or what its fields may hold.",
        )

    def _made(self, answer: Any) -> str:
        made = answer.get("id") if isinstance(answer, Mapping) and answer.get("success") else None
        if not made:
            raise guard.strange(self.service, "the id of what it made")
        return str(made)

    def _where(self, kind: str, key: str) -> str:
        return f"{self.service.web}/lightning/r/{kind}/{key}/view"


def _token(service: Service, session: GuardedSession) -> str:
    """The access token. AccessRefused where nothing lets us in."""
    secret = service.secret()
    if not secret:
        raise AccessRefused(
            f"Nothing lets this process into {service.name}.", subject=service.place, way_out=service.way_in
        )
    if not service.user:
        return secret
    asked = {"grant_type": "client_credentials", "client_id": service.user, "client_secret": secret}
    answer = session.post(f"{service.web}/services/oauth2/token", data=asked)
    said = answer.json()
    if answer.status_code >= 400 or not isinstance(said, Mapping) or not isinstance(said.get("access_token"), str):
        raise guard.refused(service)
    return str(said["access_token"])


def _id(text: str) -> str:
    """An id, which stands in queries and addresses: nothing else may."""
    if not ID.fullmatch(text):
        raise BadInput(
            f"{text[:40]!r} is no id of Salesforce.", subject=text[:40], way_out="Give one of 15 or 18 letters."
        )
    return text


def _field(text: str) -> str:
    if not FIELD.fullmatch(text):
        raise BadInput(
            f"{text[:80]!r} is no field of Salesforce.",
            subject=text[:80],
            way_out="Give its API name, such as NextStep.",
        )
    return text
