"""Conversations with tools through the real clients, in all three protocols: what the agent loop relies on."""

import asyncio
import json
from typing import Any

import pytest
from pydantic import BaseModel

from activities.models import Models
from contracts.errors import ContextOverflow, ModelBusy, ModelMisconfigured
from contracts.models import Message, ModelRequest, Thought, Tool, ToolCall, ToolChoice
from tests.activities.models.protocols import PROTOCOLS, connect
from tests.support.model_server import Called, ModelServer, Scripted, error


class Find(BaseModel):
    pattern: str
    folder: str = "."


class Verdict(BaseModel):
    guilty: str
    lines: list[int] = []


FIND = Tool.taking(Find, name="find", description="Find lines")
GREP = Tool.taking(Find, name="grep", description="Find lines by a pattern")
ASKED = ModelRequest(
    system="You fix bugs.",
    messages=(Message(role="user", text="Tests fail."),),
    tools=(FIND, GREP),
    max_output_tokens=500,
)


@pytest.fixture(params=PROTOCOLS)
def models(request: pytest.FixtureRequest, model_server: ModelServer) -> Models:
    return connect(model_server, request.param)


async def test_calls_come_in_order_with_their_words(models: Models, model_server: ModelServer) -> None:
    calls = (Called("find", {"pattern": "élan"}, "a1"), Called("grep", {"pattern": "def", "folder": "src"}, "b2"))
    model_server.script(Scripted(text="I look first.", calls=calls))
    reply = await models.call(ASKED)
    assert (reply.stop, reply.text) == ("tool", "I look first.")
    assert [part.kind for part in reply.parts] == ["text", "call", "call"]
    assert [(call.id, call.name, call.arguments) for call in reply.calls] == [
        ("a1", "find", {"pattern": "élan"}),
        ("b2", "grep", {"pattern": "def", "folder": "src"}),
    ]
    assert reply.usd


async def test_a_conversation_of_many_turns_is_in_order_for_every_provider(
    models: Models, model_server: ModelServer
) -> None:
    """The server refuses turns that the real ones refuse: calls without results, empty text, too many marks."""
    request = ASKED
    for turn in range(6):
        calls = tuple(Called("find", {"pattern": str(each)}, f"call_{turn}_{each}") for each in range(turn % 3 + 1))
        model_server.script(Scripted(calls=calls, thought="Hm." if turn % 2 else "", text="" if turn else "So."))
        reply = await models.call(request)
        results = [call.gives("" if turn == 1 else "3 lines", failed=turn == 2) for call in reply.calls]
        request = request.then(reply.message(), Message.answering(results, "Go on." if turn == 3 else ""))
        request = ModelRequest.model_validate_json(request.model_dump_json())
    model_server.script(Scripted(text="Done."))
    assert (await models.call(request)).stop == "end"


async def test_what_the_model_thought_goes_back_unchanged_and_to_nobody_else(
    models: Models, model_server: ModelServer
) -> None:
    model_server.script(Scripted(thought="The test is wrong, not the code.", calls=(Called("find", {}, "1"),)))
    reply = await models.call(ASKED)
    assert isinstance(reply.parts[0], Thought)
    assert "not the code" not in reply.text
    following = ASKED.then(reply.message(), Message.answering([reply.calls[0].gives("ok")]))
    stranger = reply.parts[0].model_copy(update={"model": "another"})
    changed = following.model_copy(
        update={
            "messages": (
                following.messages[0],
                Message(role="assistant", parts=(stranger, *reply.parts[1:])),
                following.messages[2],
            )
        }
    )
    model_server.script(Scripted(), Scripted())
    await models.call(following)
    await models.call(changed)
    own, foreign = (json.dumps(asked.body["messages"]) for asked in model_server.requests[1:])
    assert "The test is wrong, not the code." in own
    assert ("c2lnbmF0dXJl" in own) == (models.provider != "openai")
    assert "not the code" not in foreign


@pytest.mark.parametrize("raw", ['{"pattern": ', "no json", '["x"]', '"x"'])
async def test_malformed_arguments_are_something_to_tell_the_model(
    models: Models, model_server: ModelServer, raw: str
) -> None:
    model_server.script(Scripted(calls=(Called("find", raw, "1"),)), Scripted(text="Sorry."))
    reply = await models.call(ASKED)
    call = reply.calls[0]
    assert (reply.stop, call.arguments, call.malformed) == ("tool", {}, raw)
    problem = call.problem(ASKED.tools)
    assert "not one JSON object" in problem
    await models.call(ASKED.then(reply.message(), Message.answering([call.gives(problem, failed=True)])))
    assert json.dumps(problem)[1:-1] in json.dumps(model_server.requests[1].body["messages"])


async def test_no_arguments_at_all_are_none(models: Models, model_server: ModelServer) -> None:
    model_server.script(Scripted(calls=(Called("find", "", "1"),)))
    call = (await models.call(ASKED)).calls[0]
    assert (call.arguments, call.malformed) == ({}, "")


async def test_an_unknown_tool_is_something_to_tell_the_model(models: Models, model_server: ModelServer) -> None:
    model_server.script(Scripted(calls=(Called("fnd", {}, "1"),)))
    reply = await models.call(ASKED)
    assert "Did you mean 'find'?" in reply.calls[0].problem(ASKED.tools)


async def test_calls_cut_at_the_length_limit(models: Models, model_server: ModelServer) -> None:
    model_server.script(Scripted(calls=(Called("find", '{"pattern": "x', "1"),), stop="length"))
    reply = await models.call(ASKED)
    assert reply.stop == "length"
    assert reply.calls[0].malformed


async def test_a_refusal_in_the_middle_of_the_work(models: Models, model_server: ModelServer) -> None:
    model_server.script(Scripted(text="I can't go on.", stop="refusal", why="Against the rules."))
    reply = await models.call(ASKED)
    assert (reply.stop, reply.declined) == ("refusal", True)
    assert (
        reply.refusal == {"anthropic": "Against the rules.", "openai": "I can't go on.", "bedrock": ""}[models.provider]
    )
    assert reply.usd


@pytest.mark.parametrize(
    "reply",
    [
        error(
            400, "content_filter", "The response was filtered due to the prompt triggering content management policy."
        ),
        error(400, "invalid_request_error", "Output blocked by content filtering policy"),
    ],
)
async def test_a_filter_that_comes_as_an_error_is_a_result(
    models: Models, model_server: ModelServer, reply: Scripted
) -> None:
    model_server.script(reply)
    got = await models.call(ASKED)
    assert (got.stop, got.usd) == ("content_filter", None)


async def test_an_answer_of_a_type_after_tools(models: Models, model_server: ModelServer) -> None:
    wanted = ASKED.wanting(Verdict, "verdict")
    model_server.script(Scripted(calls=(Called("find", {"pattern": "x"}, "1"),)))
    reply = await models.call(wanted)
    assert (reply.stop, reply.data) == ("tool", None)
    model_server.script(Scripted(data={"guilty": "app.py", "lines": [3]}), Scripted(text="Welcome."))
    wanted = wanted.then(reply.message(), Message.answering([reply.calls[0].gives("app.py:3")]))
    reply = await models.call(wanted)
    assert (reply.stop, reply.calls) == ("end", ())
    assert reply.answer(Verdict) == Verdict(guilty="app.py", lines=[3])
    await models.call(ASKED.then(*wanted.messages[1:], reply.message(), Message(role="user", text="Thanks.")))


async def test_reasoning_is_counted_apart(models: Models, model_server: ModelServer) -> None:
    if models.provider == "bedrock":
        pytest.skip("Bedrock does not say how much of the output was reasoning")
    model_server.script(Scripted(output_tokens=10, reasoning_tokens=90))
    assert (await models.call(ASKED)).usage.model_dump(include={"output", "reasoning"}) == {
        "output": 10,
        "reasoning": 90,
    }


CHOICES: dict[str, list[Any]] = {
    "anthropic": [{"type": "auto"}, {"type": "any"}, {"type": "tool", "name": "grep"}, {"type": "none"}],
    "openai": ["auto", "required", {"type": "function", "function": {"name": "grep"}}, "none"],
    "bedrock": [{"auto": {}}, {"any": {}}, {"tool": {"name": "grep"}}, {"auto": {}}],
}


async def test_tool_choice(models: Models, model_server: ModelServer) -> None:
    modes = (ToolChoice(), ToolChoice(mode="any"), ToolChoice(mode="one", name="grep"), ToolChoice(mode="none"))
    for mode in modes:
        model_server.script(Scripted())
        await models.call(ASKED.model_copy(update={"tool_choice": mode}))
    bodies = [asked.body for asked in model_server.requests]
    sent = [
        body["toolConfig"]["toolChoice"] if models.provider == "bedrock" else body["tool_choice"] for body in bodies
    ]
    assert sent == CHOICES[models.provider]


async def test_a_model_that_cant_be_forced_is_asked(model_server: ModelServer) -> None:
    models = connect(model_server, "bedrock", COUNTERSIGN_MODEL="meta.llama3-3-70b-instruct-v1:0")
    refused = error(400, "invalid_request_error", "This model doesn't support the toolConfig.toolChoice.any field.")
    model_server.script(refused, Scripted(), Scripted())
    asked = ASKED.model_copy(update={"tool_choice": ToolChoice(mode="any")})
    await models.call(asked)
    await models.call(asked)
    sent = [each.body["toolConfig"]["toolChoice"] for each in model_server.requests]
    assert sent == [{"any": {}}, {"auto": {}}, {"auto": {}}]


def long(turns: int) -> ModelRequest:
    request = ASKED
    for turn in range(turns):
        call = ToolCall(id=f"c{turn}", name="find")
        request = request.then(Message(role="assistant", parts=(call,)), Message.answering([call.gives(f"r{turn}")]))
    return request


async def test_anthropic_caches_the_prefix_and_the_last_turn_of_before(model_server: ModelServer) -> None:
    models = connect(model_server, "anthropic")
    model_server.script(*[Scripted()] * 3)
    marked = []
    for turns in range(3):
        await models.call(long(turns))
        body = model_server.requests[-1].body
        assert "cache_control" in body["system"][-1]
        marked.append({at for at, turn in enumerate(body["messages"]) if "cache_control" in turn["content"][-1]})
    assert marked == [{0}, {0, 2}, {2, 4}]


async def test_bedrock_caches_where_the_model_can(model_server: ModelServer) -> None:
    models = connect(model_server, "bedrock")
    model_server.script(Scripted())
    await models.call(long(2))
    body = model_server.requests[-1].body
    assert body["system"][-1] == {"cachePoint": {"type": "default"}}
    pointed = {at for at, turn in enumerate(body["messages"]) if "cachePoint" in turn["content"][-1]}
    assert pointed == {2, 4}
    refused = error(
        400, "invalid_request_error", "You invoked an unsupported model or your request did not allow prompt caching."
    )
    model_server.script(refused, Scripted(), Scripted())
    await models.call(long(2))
    await models.call(long(2))
    assert ["cachePoint" in asked.prompt for asked in model_server.requests[1:]] == [True, False, False]
    other = connect(model_server, "bedrock", COUNTERSIGN_MODEL="meta.llama3-3-70b-instruct-v1:0")
    model_server.script(Scripted())
    await other.call(long(2))
    assert "cachePoint" not in model_server.requests[-1].prompt


async def test_openai_gets_the_same_beginning_each_turn(model_server: ModelServer) -> None:
    models = connect(model_server, "openai")
    model_server.script(Scripted(), Scripted())
    await models.call(long(1))
    await models.call(long(2))
    first, second = (json.dumps([asked.body["tools"], asked.body["messages"]]) for asked in model_server.requests)
    assert second.startswith(first[:-2])


async def test_bedrock_bounds_its_threads_and_frees_them_when_cancelled(
    model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.models.bedrock.AT_ONCE", 2)
    models = connect(model_server, "bedrock")
    model_server.script(*[Scripted(text="x" * 500, pause=0.1)] * 2, Scripted(text="Third."))
    waiting = [asyncio.create_task(models.call(ASKED)) for _ in range(2)]
    while len(model_server.requests) < 2:
        await asyncio.sleep(0.02)
    third = asyncio.create_task(models.call(ASKED))
    await asyncio.sleep(0.3)
    assert len(model_server.requests) == 2, "two threads, so two requests"
    for task in waiting:
        task.cancel()
    assert (await asyncio.wait_for(third, 60)).text == "Third."
    assert [asked.dropped for asked in model_server.requests] == [True, True, False]


@pytest.mark.parametrize(
    ("status", "kind", "says", "raised"),
    [
        (429, "ThrottlingException", "Too many requests", ModelBusy),
        (424, "ModelErrorException", "The model failed", ModelBusy),
        (429, "ModelNotReadyException", "Warming up", ModelBusy),
        (403, "ExpiredTokenException", "The security token has expired", ModelMisconfigured),
        (400, "ValidationException", "The provided model identifier is invalid.", ModelMisconfigured),
        (400, "ValidationException", "Input is too long for requested model.", ContextOverflow),
        (400, "ValidationException", "maxTokens is out of range", ModelMisconfigured),
    ],
)
async def test_bedrocks_own_errors(
    model_server: ModelServer, status: int, kind: str, says: str, raised: type[Exception]
) -> None:
    model_server.script(error(status, kind, says))
    with pytest.raises(raised):
        await connect(model_server, "bedrock").call(ASKED)
    assert len(model_server.requests) == 1


async def test_a_damaged_frame_is_a_broken_stream(model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.model_server import bedrock_wire

    whole = bedrock_wire.event

    def damaged(name: str, payload: dict[str, Any]) -> bytes:
        frame = whole(name, payload)
        return frame if name != "contentBlockDelta" else frame[:-6] + b"??" + frame[-4:]

    monkeypatch.setattr(bedrock_wire, "event", damaged)
    model_server.script(Scripted())
    with pytest.raises(ModelBusy, match="in the middle of a reply") as caught:
        await connect(model_server, "bedrock").call(ASKED)
    assert caught.value.maybe_paid


async def test_aws_without_credentials_or_region_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    from activities.models import models_from_environment

    bare = {"COUNTERSIGN_MODEL_PROVIDER": "bedrock"}
    with pytest.raises(ModelMisconfigured, match="AWS_REGION"):
        models_from_environment(bare)
    with pytest.raises(ModelMisconfigured, match="nobody"):
        models_from_environment(bare | {"AWS_PROFILE": "nobody", "AWS_REGION": "us-east-1"})
    tiers = models_from_environment(bare | {"AWS_REGION": "us-east-1"})
    assert tiers is not None
    with pytest.raises(ModelMisconfigured, match="Unable to locate credentials") as caught:
        await tiers.small.call(ASKED)
    assert caught.value.subject == "AWS_BEARER_TOKEN_BEDROCK"
