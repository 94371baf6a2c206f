"""Search attributes that make runs findable in the Temporal UI. The server must know them before a run starts."""

from typing import Literal

from temporalio.common import SearchAttributeKey, SearchAttributePair

__all__ = ["COST", "MODEL", "STATE", "SUBJECT", "TEAM", "TYPES", "WORKFLOW", "SearchAttributePair"]

WORKFLOW = SearchAttributeKey.for_keyword("CountersignWorkflow")
TEAM = SearchAttributeKey.for_keyword("CountersignTeam")
SUBJECT = SearchAttributeKey.for_keyword("CountersignSubject")
STATE = SearchAttributeKey.for_keyword("CountersignState")
COST = SearchAttributeKey.for_float("CountersignCost")
MODEL = SearchAttributeKey.for_keyword("CountersignModel")

TYPES: dict[str, Literal["Keyword", "Double"]] = {
    WORKFLOW.name: "Keyword",
    TEAM.name: "Keyword",
    SUBJECT.name: "Keyword",
    STATE.name: "Keyword",
    COST.name: "Double",
    MODEL.name: "Keyword",
}
