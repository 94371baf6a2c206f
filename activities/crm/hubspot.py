"""HubSpot, by its own client. The credential is a private app's access token."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import urllib3

from activities.crm import guard
from activities.crm.patience import NONE, Patience
from activities.crm.protocol import Task
from activities.services.service import Service
from contracts.errors import AccessRefused, BadInput, CountersignError

ID = re.compile(r"[0-9]{1,20}")
PROPERTY = re.compile(r"[a-z][a-z0-9_]{0,99}")
TASK_TO_DEAL = 216  # HubSpot's own number of that association
MOST_TASKS, PAGE = 2_000, 100
T = TypeVar("T")


class HubSpotCrm:
    """One portal of HubSpot."""

    def __init__(self, service: Service, authorities: Path | None) -> None:
        # Takes a third of a second, and few workers need it.
        from hubspot import Client

        secret = service.secret()
        if not secret:
            raise AccessRefused(
                f"Nothing lets this process into {service.name}.", subject=service.place, way_out=service.way_in
            )
        self.service = service
        self.client: Any = Client.create(
            access_token=secret,
            host=service.web,
            ssl_ca_cert=str(authorities) if authorities else None,
            retry=urllib3.Retry(total=False, redirect=False),  # Temporal tries again; nobody sends us elsewhere
        )
        self._apis: dict[str, Any] = {}

    def api(self, path: str) -> Any:
        """An API of the client by its path, such as `crm.deals.basic_api`. Making one is slow, so each is kept."""
        if path not in self._apis:
            found: Any = self.client
            for name in path.split("."):
                found = getattr(found, name)
            self._apis[path] = found
        return self._apis[path]

    def asked(self, what: str, subject: str, call: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """The answer of a call as HubSpot sent it: the client's models forget what they don't know."""
        try:
            response = call(*args, _preload_content=False, _request_timeout=guard.TIMEOUT, **more)
            guard.check(self.service, response.status, response.headers, response.data)
            return json.loads(response.data or b"{}")
        except CountersignError:
            raise
        except urllib3.exceptions.HTTPError as error:
            raise guard.unreachable(self.service, error) from None
        except Exception as error:
            raise self._as_ours(error, what, subject) from None

    def pages(
        self, what: str, call: Callable[..., Any], patient: Patience = NONE, **more: Any
    ) -> Iterator[Mapping[str, Any]]:
        """All results of a call, page by page."""
        after = ""
        while True:
            given = {**more, "after": after} if after else more
            said = patient(lambda: self.asked(what, self.service.place, call, **given))  # noqa: B023
            found = said.get("results") if isinstance(said, Mapping) else None
            if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
                raise guard.strange(self.service, "results")
            yield from found
            paging = said.get("paging")
            following = paging.get("next", {}).get("after") if isinstance(paging, Mapping) else None
            if not following:
                return
            if str(following) == after:
                raise guard.strange(self.service, "an end of its pages")
            after = str(following)

    def task_of(self, deal: str, marker: str) -> str:
        listed = self.pages(
            f"list the tasks of {deal}",
            lambda **more: self.api("crm.associations.v4.basic_api").get_page("deals", _id(deal), "tasks", **more),
            limit=500,
        )
        keys = sorted((str(each.get("toObjectId", "")) for each in listed), reverse=True)[:MOST_TASKS]
        for at in range(0, len(keys), PAGE):
            inputs = [{"id": key} for key in keys[at : at + PAGE]]
            asked = {"properties": ["hs_task_body"], "propertiesWithHistory": [], "inputs": inputs}
            said = self.asked("read tasks", deal, self.api("crm.objects.tasks.batch_api").read, asked)
            for each in said.get("results", []) if isinstance(said, Mapping) else []:
                if marker in str(each.get("properties", {}).get("hs_task_body") or ""):
                    return self._where("task", str(each.get("id", "")))
        return ""

    def make_task(self, task: Task) -> str:
        body = {
            "properties": {
                "hs_task_subject": task.subject[:255],
                "hs_task_body": f"{task.text}\n\n{task.marker}",
                "hs_timestamp": f"{task.due.isoformat()}T09:00:00Z",
                "hs_task_status": "NOT_STARTED",
                "hs_task_type": "TODO",
                **({"hubspot_owner_id": _id(task.owner_id)} if task.owner_id else {}),
            },
            "associations": [
                {
                    "to": {"id": _id(task.deal)},
                    "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": TASK_TO_DEAL}],
                }
            ],
        }
        made = self.asked(
            f"make a task of {task.deal}", task.deal, self.api("crm.objects.tasks.basic_api").create, body
        )
        if not isinstance(made, Mapping) or not made.get("id"):
            raise guard.strange(self.service, "the id of what it made")
        return self._where("task", str(made["id"]))

    def field_of(self, deal: str, field: str) -> str:
        call = self.api("crm.deals.basic_api").get_by_id
        said = self.asked(f"read {field} of {deal}", deal, call, _id(deal), properties=[_property(field)])
        found = said.get("properties") if isinstance(said, Mapping) else None
        if not isinstance(found, Mapping):
            raise guard.strange(self.service, "properties")
        value = found.get(field)
        return "" if value is None else str(value)

    def set_field(self, deal: str, field: str, value: str, marker: str) -> str:
        call = self.api("crm.deals.basic_api").update
        self.asked(f"write {field} of {deal}", deal, call, _id(deal), {"properties": {_property(field): value}})
        return self._where("deal", deal)

    def _as_ours(self, error: Exception, what: str, subject: str) -> CountersignError:
        """The client's errors as ours. Those that carry no answer are of an answer that it could not read."""
        status, body = getattr(error, "status", None), getattr(error, "body", None)
        if not isinstance(status, int):
            return guard.strange(self.service, "what its API promises")
        content = body.encode() if isinstance(body, str) else body or b""
        try:
            guard.check(self.service, status, dict(getattr(error, "headers", None) or {}), content)
        except CountersignError as ours:
            return ours
        says = guard.quoted(self.service, _message(content))
        if status == 403:
            return guard.refused(self.service, says)
        if status == 404:
            return guard.gone(self.service, what, subject)
        return BadInput(
            f"{self.service.name} can't {what}: {says}.",
            subject=subject,
            way_out="Correct the methodology's columns, or what its properties may hold.",
        )

    def _where(self, kind: str, key: str) -> str:
        return f"hubspot {kind} {key}"


def _message(content: bytes) -> str:
    said = json.loads(content) if content else {}
    return str(said.get("message", "no reason")) if isinstance(said, Mapping) else "no reason"


def _id(text: str) -> str:
    """An id, which stands in addresses: nothing else may."""
    if not ID.fullmatch(text):
        raise BadInput(f"{text[:40]!r} is no id of HubSpot.", subject=text[:40], way_out="Give a number.")
    return text


def _property(text: str) -> str:
    if not PROPERTY.fullmatch(text):
        raise BadInput(
            f"{text[:80]!r} is no property of HubSpot.",
            subject=text[:80],
            way_out="Give its internal name: hs_next_step.",
        )
    return text
