"""Deals of a HubSpot portal: deals with the history of their stage, and what was done with them.

Objects and properties are those of https://developers.hubspot.com/docs/api/crm (v3).
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from activities.crm import guard
from activities.crm.hubspot import PROPERTY, HubSpotCrm
from activities.deal_scoring.booking import MOST_ACTIVITIES, MOST_CHANGES, MOST_CLOSED, MOST_OPEN
from activities.deal_scoring.services.reading import Reading, under
from activities.deal_scoring.tables import Row, Table, text_of
from contracts.deals import Book

STANDARD = ("dealname", "dealstage", "amount", "deal_currency_code", "createdate", "closedate", "hubspot_owner_id")
MORE = ("pipeline", "dealtype")
# What was done, by the object that it is, with the property of its words.
KINDS = {
    "meetings": ("meeting", "hs_meeting_title"),
    "calls": ("call", "hs_call_title"),
    "emails": ("email", "hs_email_subject"),
    "notes": ("note", "hs_note_body"),
    "tasks": ("task", "hs_task_subject"),
}
WITH_HISTORY, PAGE = 50, 100  # a page may have fewer where histories come with it


def book_of_hubspot(source: str, crm: HubSpotCrm, reading: Reading) -> Book:
    """The portal's book. AccessRefused, ServiceBusy, StrangeReply, BadInput."""
    reader = _Reader(crm, reading)
    return reading.booking.book(
        source, f"hubspot://{crm.service.place}", reader.opportunities(), reader.activities(), reader.stages()
    )


class _Reader:
    def __init__(self, crm: HubSpotCrm, reading: Reading) -> None:
        self._crm, self._reading = crm, reading
        self._stages: dict[str, tuple[str, str]] = {}  # label and outcome of each
        self._pipelines: dict[str, str] = {}
        self._owners: dict[str, str] = {}
        self._moves: list[Row] = []  # they come with the deals

    def opportunities(self) -> Table:
        self._read_pipelines()
        self._owners = {row["id"]: row["name"] for row in self._reading.allowed("owners", self._read_owners())}
        known = {
            text_of(each.get("name")): text_of(each.get("label"))
            for each in self._all("crm.properties.core_api", "get_all", "list properties", "deals")
        }
        wanted = {each: name for each, name in self._reading.asked(known).items() if PROPERTY.fullmatch(each)}
        asked = {each: name for each, name in wanted.items() if each in known}
        names = {**{each: each for each in (*STANDARD, *MORE)}, **asked}
        rows = self._reading.bounded("opportunities", self._read_deals(names), MOST_OPEN + MOST_CLOSED)
        columns = ["id", "owner", *(each for each in names.values() if each != "hubspot_owner_id"), "closed", "outcome"]
        return Table("opportunities", columns, enumerate(rows, 1))

    def activities(self) -> Table:
        return Table("activities", ("deal", "at", "kind", "who", "note"), enumerate(self._read_activities(), 1))

    def stages(self) -> Table:
        return Table("stages", ("deal", "at", "stage", "before"), enumerate(iter(self._moves), 1))

    def _all(self, api: str, method: str, what: str, *args: Any, **more: Any) -> Iterator[Mapping[str, Any]]:
        call = partial(getattr(self._crm.api(api), method), *args)
        return self._crm.pages(what, call, self._reading.patient, **more)

    def _read_pipelines(self) -> None:
        for pipeline in self._all("crm.pipelines.pipelines_api", "get_all", "list pipelines", "deals"):
            self._pipelines[text_of(pipeline.get("id"))] = text_of(pipeline.get("label"))
            found = pipeline.get("stages")
            if not isinstance(found, list):
                raise guard.strange(self._crm.service, "stages")
            for stage in found:
                said = text_of(under(stage, "id")), text_of(under(stage, "label"))
                self._stages[said[0]] = said[1] or said[0], _outcome(under(stage, "metadata"))

    def _read_owners(self) -> Iterator[Row]:
        for archived in (False, True):  # closed deals are often of people who have left
            owners = self._all("crm.owners.owners_api", "get_page", "list owners", limit=PAGE, archived=archived)
            for each in owners:
                name = f"{text_of(each.get('firstName'))} {text_of(each.get('lastName'))}".strip()
                yield {"id": text_of(each.get("id")), "name": name or text_of(each.get("email"))}

    def _read_deals(self, names: Mapping[str, str]) -> Iterator[Row]:
        given = {"limit": WITH_HISTORY, "properties": list(names), "properties_with_history": ["dealstage"]}
        for deal in self._all("crm.deals.basic_api", "get_page", "list deals", **given):
            row = {name: text_of(under(deal, "properties", each)) for each, name in names.items()}
            row["id"] = text_of(deal.get("id"))
            row["owner"] = self._name(row.pop("hubspot_owner_id"))
            row["dealstage"], row["outcome"] = self._stages.get(row["dealstage"], (row["dealstage"], ""))
            row["closed"] = row["closedate"] if row["outcome"] else ""
            row["pipeline"] = self._pipelines.get(row["pipeline"], row["pipeline"])
            self._add_moves(row["id"], under(deal, "propertiesWithHistory", "dealstage"))
            yield row

    def _add_moves(self, deal: str, history: Any) -> None:
        """The history of a stage, oldest first, without repetitions."""
        found = [each for each in history if isinstance(each, Mapping)] if isinstance(history, list) else []
        before = ""
        for at, key in sorted((text_of(each.get("timestamp")), text_of(each.get("value"))) for each in found):
            stage = self._stages.get(key, (key, ""))[0]
            if stage and stage != before and len(self._moves) < 2 * MOST_CHANGES:
                self._moves.append({"deal": deal, "at": at, "stage": stage, "before": before})
                before = stage

    def _read_activities(self) -> Iterator[Row]:
        for what in KINDS:
            rows = self._reading.allowed(what, self._read_kind(what))
            yield from self._reading.bounded(what, rows, MOST_ACTIVITIES)

    def _read_kind(self, what: str) -> Iterator[Row]:
        kind, words = KINDS[what]
        names = ["hs_timestamp", "hubspot_owner_id", words, *(["hs_task_status"] if what == "tasks" else [])]
        given = {"limit": PAGE, "properties": names, "associations": ["deals"]}
        for each in self._all("crm.objects.basic_api", "get_page", f"list {what}", what, **given):
            said = {name: text_of(under(each, "properties", name)) for name in names}
            if said.get("hs_task_status", "COMPLETED") != "COMPLETED":
                continue  # still to be done, as those that effects make
            row = {"at": said["hs_timestamp"], "kind": kind, "who": self._name(said["hubspot_owner_id"])}
            results = under(each, "associations", "deals", "results")
            deals = results if isinstance(results, list) else []
            for deal in dict.fromkeys(text_of(under(one, "id")) for one in deals):
                yield {**row, "deal": deal, "note": said[words]}

    def _name(self, owner: str) -> str:
        return self._owners.get(owner, owner)


def _outcome(metadata: Any) -> str:
    """Of a stage in which deals are over: HubSpot gives it the probability 1 or 0."""
    chance, closed = text_of(under(metadata, "probability")), text_of(under(metadata, "isClosed")).casefold()
    if closed == "false" or (not closed and chance not in ("1", "1.0", "0", "0.0")):
        return ""
    return "won" if chance in ("1", "1.0") else "lost"
