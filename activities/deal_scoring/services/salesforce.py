"""Deals of a Salesforce organisation: opportunities, closed tasks and past events, and OpportunityHistory.

Fields and objects are those of https://developer.salesforce.com/docs (Object Reference, API version 59).
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from activities.crm.salesforce import FIELD, SalesforceCrm
from activities.deal_scoring.booking import MOST_ACTIVITIES, MOST_CHANGES, MOST_CLOSED, MOST_OPEN
from activities.deal_scoring.services.reading import Reading, under
from activities.deal_scoring.tables import Row, Table, text_of
from contracts.deals import Book

STANDARD = ("Id", "Name", "Owner.Name", "StageName", "Amount", "CurrencyIsoCode", "CreatedDate", "CloseDate")
MORE = ("Type", "LeadSource")
MOST_HISTORY = 4 * MOST_CHANGES  # it has a row for each change of an amount or a day too
TASKS = (
    "SELECT WhatId, ActivityDate, CompletedDateTime, TaskSubtype, Subject, Owner.Name FROM Task "
    "WHERE IsClosed = true AND IsDeleted = false AND What.Type = 'Opportunity' ORDER BY CreatedDate DESC"
)
EVENTS = (
    "SELECT WhatId, ActivityDate, Subject, Owner.Name FROM Event "
    "WHERE ActivityDate <= TODAY AND IsDeleted = false AND What.Type = 'Opportunity' ORDER BY ActivityDate DESC"
)
HISTORY = (
    "SELECT OpportunityId, StageName, CreatedDate FROM OpportunityHistory "
    "WHERE IsDeleted = false ORDER BY CreatedDate DESC"
)


def book_of_salesforce(source: str, crm: SalesforceCrm, reading: Reading) -> Book:
    """The organisation's book. AccessRefused, ServiceBusy, StrangeReply, BadInput."""
    reader = _Reader(crm, reading)
    return reading.booking.book(
        source, f"salesforce://{crm.service.place}", reader.opportunities(), reader.activities(), reader.stages()
    )


class _Reader:
    def __init__(self, crm: SalesforceCrm, reading: Reading) -> None:
        self._crm, self._reading = crm, reading

    def opportunities(self) -> Table:
        known = self._crm.fields(self._reading.patient)
        wanted = {**{each: each for each in (*STANDARD, *MORE)}, **self._reading.asked(known)}
        columns = {each: name for each, name in wanted.items() if FIELD.fullmatch(each) and _is_there(each, known)}
        fields = ", ".join(dict.fromkeys((*columns, "IsClosed", "IsWon", "CloseDate")))
        query = f"SELECT {fields} FROM Opportunity ORDER BY CloseDate DESC"  # noqa: S608 - only names of FIELD
        rows = (_opportunity(row, columns) for row in self._rows(query))
        bounded = self._reading.bounded("opportunities", rows, MOST_OPEN + MOST_CLOSED)
        return Table("opportunities", [*columns.values(), "closed", "outcome"], enumerate(bounded, 1))

    def activities(self) -> Table:
        # Activities older than a year are archived, and only there with the deleted ones.
        tasks = self._reading.allowed("tasks", map(_task, self._rows(TASKS, archived=True)))
        events = self._reading.allowed("events", map(_event, self._rows(EVENTS, archived=True)))
        bounded = (
            self._reading.bounded("tasks", tasks, MOST_ACTIVITIES),
            self._reading.bounded("events", events, MOST_ACTIVITIES),
        )
        return Table("activities", ("deal", "at", "kind", "who", "note"), enumerate(chain(*bounded), 1))

    def stages(self) -> Table:
        history = self._reading.allowed("stages", _history(self._rows(HISTORY)))
        bounded = self._reading.bounded("stages", history, MOST_HISTORY)
        return Table("stages", ("deal", "at", "stage", "before"), enumerate(_moves(bounded), 1))

    def _rows(self, query: str, archived: bool = False) -> Iterator[Mapping[str, Any]]:
        return self._crm.rows(query, archived=archived, patient=self._reading.patient)


def _is_there(field: str, known: Mapping[str, str]) -> bool:
    relation, dot, _ = field.partition(".")
    return f"{relation}." in known if dot else field in known


def _opportunity(row: Mapping[str, Any], columns: Mapping[str, str]) -> Row:
    found = {name: text_of(under(row, *each.split("."))) for each, name in columns.items()}
    if row.get("IsClosed") is True:
        outcome = "won" if row.get("IsWon") is True else "lost"
        return found | {"closed": text_of(row.get("CloseDate")), "outcome": outcome}
    return found


def _task(row: Mapping[str, Any]) -> Row:
    day = text_of(row.get("CompletedDateTime") or row.get("ActivityDate"))
    return _activity(row, day, text_of(row.get("TaskSubtype")) or "task")


def _event(row: Mapping[str, Any]) -> Row:
    return _activity(row, text_of(row.get("ActivityDate")), "meeting")


def _activity(row: Mapping[str, Any], at: str, kind: str) -> Row:
    who, note = text_of(under(row, "Owner", "Name")), text_of(row.get("Subject"))
    return {"deal": text_of(row.get("WhatId")), "at": at, "kind": kind, "who": who, "note": note}


def _history(rows: Iterator[Mapping[str, Any]]) -> Iterator[Row]:
    for row in rows:
        deal, stage = text_of(row.get("OpportunityId")), text_of(row.get("StageName"))
        yield {"deal": deal, "at": text_of(row.get("CreatedDate")), "stage": stage, "before": ""}


def _moves(newest_first: Iterator[Row]) -> Iterator[Row]:
    """Rows in which a deal came to another stage, out of rows of each change of anything."""
    later: dict[str, Row] = {}
    for row in newest_first:
        known = later.get(row["deal"])
        if known is not None and known["stage"] != row["stage"]:
            yield {**known, "before": row["stage"]}
        later[row["deal"]] = row  # it was in its stage at least since then
    yield from later.values()
