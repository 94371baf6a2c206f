"""Which column of a source is what: by the methodology's mapping, else by names that are usual."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

USUAL: dict[str, dict[str, tuple[str, ...]]] = {
    "opportunities": {
        "id": ("id", "dealid", "opportunityid", "recordid", "leadnumber"),
        "name": ("name", "dealname", "opportunityname", "opportunity", "deal", "account", "company"),
        "owner": ("owner", "ownername", "dealowner", "opportunityowner", "rep", "salesrep", "assignedto"),
        "stage": ("stage", "stagename", "dealstage", "salesstage"),
        "amount": ("amount", "value", "dealvalue", "dealamount", "acv", "arr", "totalamount"),
        "currency": ("currency", "currencycode", "currencyisocode", "dealcurrencycode", "amountcurrency"),
        "created": ("created", "createddate", "createdate", "createdat", "opened", "opendate"),
        "closes": ("closes", "closedate", "expectedclose", "expectedclosedate", "expectedclosingdate"),
        "closed": ("closed", "closedat", "closedon", "wonlostdate", "actualclosedate"),
        "won": ("won", "iswon", "outcome", "status", "result"),
    },
    "activities": {
        "deal": ("deal", "dealid", "opportunityid", "whatid", "opportunity"),
        "at": ("at", "date", "activitydate", "when", "timestamp", "day"),
        "kind": ("kind", "type", "activitytype", "tasksubtype", "activity"),
        "who": ("who", "owner", "person", "by", "rep"),
        "note": ("note", "notes", "subject", "description", "text", "body"),
    },
    "stages": {
        "deal": ("deal", "dealid", "opportunityid", "opportunity"),
        "at": ("at", "date", "changedat", "createddate", "when", "timestamp"),
        "stage": ("stage", "stagename", "newstage", "tostage", "to", "newvalue"),
        "before": ("before", "oldstage", "fromstage", "from", "previousstage", "oldvalue"),
    },
}
NEEDED = {"opportunities": ("id", "stage"), "activities": ("deal", "at"), "stages": ("deal", "at", "stage")}
# What is lost without each of the others.
WITHOUT = {
    "name": "deals are called by their id",
    "owner": "nobody's day can be planned",
    "amount": "deals can't be ranked by value",
    "closes": "what is overdue or closes soon isn't known",
    "created": "how long deals are open isn't known",
    "kind": "what happened can't be told apart",
}


@dataclass(frozen=True)
class Chosen:
    """The column of each part; `missing`: parts that have none, with the name that the mapping gives where it does."""

    column: Mapping[str, str]
    missing: Mapping[str, str]

    @cached_property
    def used(self) -> frozenset[str]:
        return frozenset(self.column.values())


def choose(table: str, columns: Sequence[str], mapping: Mapping[str, str]) -> Chosen:
    """Which column is what. A name of the mapping counts before all usual ones, and has to be there as it is."""
    plain = {re.sub(r"[^a-z0-9]", "", each.casefold()): each for each in reversed(columns)}
    column, missing, taken = dict[str, str](), dict[str, str](), set[str]()
    for part, usual in USUAL[table].items():
        named = mapping.get(part, "")
        found = (
            named if named in columns else "" if named else next((plain[each] for each in usual if each in plain), "")
        )
        if found and (named or found not in taken):
            column[part] = found
            taken.add(found)
        else:
            missing[part] = named
    return Chosen(column, missing)
