"""Requests and replies: a conversation that grows, tool calls that are wrong, answers of a type."""

import json
from decimal import Decimal

import pytest
from pydantic import BaseModel, Field

from contracts.budgets import Purse, Spender
from contracts.errors import ModelReplyUnusable
from contracts.models import (
    Message,
    ModelReply,
    ModelRequest,
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from contracts.policy import Budget, Policy, Route
from contracts.proposal import Tried
from contracts.schemas import closed_schema, is_closed


class Find(BaseModel):
    """Find lines."""

    pattern: str
    folder: str = "."


class Place(BaseModel):
    path: str
    title: str = Field(default="", description="a field whose name is a keyword of JSON Schema")


class Answer(BaseModel):
    colour: str
    places: list[Place] = []
    shade: float | None = None


FIND = Tool.taking(Find, name="find", description="Find lines")
THOUGHT = Thought(provider="anthropic", model="m", block={"type": "thinking", "thinking": "…", "signature": "c2ln"})


def reply(**fields: object) -> ModelReply:
    base = {"provider": "p", "model": "m", "text": "", "stop": "end", "usage": Usage(), "usd": None}
    return ModelReply.model_validate({**base, **fields})


def test_a_conversation_grows_and_survives_json() -> None:
    call = ToolCall(id="1", name="find", arguments={"pattern": "x"})
    said = reply(stop="tool", parts=(THOUGHT, Text(text="Looking."), call))
    request = ModelRequest(system="s", messages=(Message(role="user", text="Go."),), tools=(FIND,))
    request = request.then(said.message(), Message.answering([call.gives("3 lines")], "Be quick."))
    again = ModelRequest.model_validate_json(request.model_dump_json())
    assert again == request
    assert [part.kind for part in again.messages[1].content()] == ["thought", "text", "call"]
    assert [part.kind for part in again.messages[2].content()] == ["result", "text"]
    assert again.messages[1].said == "Looking."
    assert said.calls == (call,)


def test_replies_and_requests_of_the_first_release_are_still_read() -> None:
    old = {
        "provider": "anthropic",
        "model": "m",
        "text": "hi",
        "data": None,
        "stop": "refusal",
        "usage": {"input": 1},
        "usd": "0.1",
    }
    assert ModelReply.model_validate(old).declined
    assert ModelReply.model_validate(old).message() == Message(role="assistant", text="hi")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (ToolCall(id="1", name="find", arguments={"pattern": "x"}), ""),
        (ToolCall(id="1", name="fnd"), "There is no tool 'fnd'. Did you mean 'find'?"),
        (ToolCall(id="1", name="rm"), "The tools are: find."),
        (ToolCall(id="1", name="find", malformed='{"pat', why="cut off"), "not one JSON object (cut off)"),
    ],
)
def test_what_a_model_is_told_of_a_wrong_call(call: ToolCall, says: str) -> None:
    problem = call.problem([FIND])
    assert says in problem
    assert bool(says) == bool(problem)


def test_a_result_names_its_call() -> None:
    assert ToolCall(id="7", name="find").gives("no", failed=True) == ToolResult(
        call="7", name="find", text="no", failed=True
    )


def test_schemas_are_closed_and_keep_fields_that_are_called_like_keywords() -> None:
    schema = closed_schema(Answer)
    assert is_closed(schema)
    assert schema["required"] == ["colour", "places", "shade"]
    assert set(schema["$defs"]["Place"]["properties"]) == {"path", "title"}
    assert "default" not in json.dumps(schema)
    assert FIND.schema_["required"] == ["pattern"]
    assert not is_closed(FIND.schema_)
    assert not is_closed({"type": "object"})


def test_an_answer_of_a_type() -> None:
    request = ModelRequest(system="", messages=()).wanting(Answer, "sky")
    assert request.schema_name == "sky"
    assert reply(data={"colour": "blue"}).answer(Answer).colour == "blue"
    with pytest.raises(ModelReplyUnusable, match="colour: Field required"):
        reply(data={"places": []}).answer(Answer)
    with pytest.raises(ModelReplyUnusable, match="It ended with 'length'"):
        reply(stop="length").answer(Answer)


def test_usage_adds_up_by_bucket() -> None:
    total = Usage(input=1, cached_read=2, output=3) + Usage(cached_write=4, reasoning=5, output=1)
    assert (total.prompt, total.written) == (7, 9)


def test_a_childs_purse_hangs_below_its_parents() -> None:
    parent = Spender.of(Policy(summary="p", team="apps", budget=Budget(usd=2)), run="a", workflow="ticket")
    child = Spender.of(Policy(summary="c", budget=Budget(usd=1)), run="a/1", workflow="search", parent=parent)
    assert child.purses == (Purse(run="a/1", usd=1), Purse(run="a", usd=2))
    assert child.team == "apps"


def test_a_route_goes_from_cheap_to_dear() -> None:
    assert Route().tiers == ("small", "large")
    assert Route(first="baseline", last="small").tiers == ("baseline", "small")
    assert Route(first="large", last="small").tiers == ("large",)


def test_what_was_tried_is_said() -> None:
    one = Tried(tier="small", model="m", why="It is cheap.", usd=Decimal("0.0025"), outcome="It failed: x")
    assert one.says == "The small tier (m). It is cheap. It failed: x For $0.0025."
    assert Tried(tier="baseline", why="It is kept.").says == "The baseline tier. It is kept."
    assert "unknown price" in one.model_copy(update={"usd": None}).says
