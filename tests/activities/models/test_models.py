"""The real clients against the model server, in all three protocols: what a caller of `Models` relies on."""

import asyncio
import logging
from dataclasses import replace
from decimal import Decimal

import pytest

from activities.models import Models, bedrock, models_from_environment
from activities.models.bedrock import Bedrock
from activities.models.service import Timeouts
from contracts.errors import ContextOverflow, CountersignError, ModelBusy, ModelMisconfigured, ModelReplyUnusable
from contracts.models import Message, ModelRequest, Usage
from tests.activities.models.protocols import PROTOCOLS, connect, settings
from tests.support.model_server import KEY, ModelServer, RealModelCalled, Scripted, error

SCHEMA = {
    "type": "object",
    "properties": {"colour": {"type": "string"}},
    "required": ["colour"],
    "additionalProperties": False,
}
PLAIN = ModelRequest(system="Be brief.", messages=(Message(role="user", text="Hello?"),), max_output_tokens=100)
ASKED = PLAIN.model_copy(update={"schema_": SCHEMA, "schema_name": "sky"})


URLS = {
    "anthropic": "ANTHROPIC_BASE_URL",
    "openai": "OPENAI_BASE_URL",
    "bedrock": "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
}
# The setting of the key, and the one that an error about it names.
KEYS = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY"),
    "openai": ("OPENAI_API_KEY", "OPENAI_API_KEY"),
    "bedrock": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
}


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def models(model_server: ModelServer, protocol: str) -> Models:
    return connect(model_server, protocol)


async def test_text_usage_and_price_come_back(models: Models, model_server: ModelServer) -> None:
    model_server.script(Scripted(text="Good day.", input_tokens=1000, cached_read=400, output_tokens=50))
    reply = await models.call(PLAIN)
    assert (reply.text, reply.stop, reply.data) == ("Good day.", "end", None)
    assert reply.usage == Usage(input=1000, cached_read=400, output=50)
    # Per million tokens, from the providers' price pages: claude-haiku-4-5 1, 0.10 cached, 5 out;
    # gpt-4.1-mini 0.40, 0.10 cached, 1.60 out.
    expected = {"anthropic": "0.00129", "bedrock": "0.00129", "openai": "0.00052"}[models.provider]
    assert reply.usd == Decimal(expected)
    assert reply.price_list.startswith("genai-prices ")
    assert reply.seconds > 0


async def test_reasoning_is_a_bucket_of_its_own_and_paid_as_output(model_server: ModelServer) -> None:
    model_server.script(Scripted(input_tokens=0, output_tokens=10, reasoning_tokens=90))
    reply = await connect(model_server, "openai").call(PLAIN)
    assert (reply.usage.output, reply.usage.reasoning) == (10, 90)
    assert reply.usd == Decimal("0.00016")


async def test_cache_writes_are_priced_as_writes(model_server: ModelServer) -> None:
    model_server.script(Scripted(input_tokens=10, cached_write=1000, output_tokens=0))
    reply = await connect(model_server, "anthropic").call(PLAIN)
    assert reply.usage == Usage(input=10, cached_write=1000, output=0)
    assert reply.usd == Decimal("0.00126")


async def test_structured_output_is_an_object(models: Models, model_server: ModelServer) -> None:
    model_server.script(Scripted(data={"colour": "grün"}))
    reply = await models.call(ASKED)
    assert (reply.data, reply.stop) == ({"colour": "grün"}, "end")


async def test_progress_is_reported_while_the_reply_streams(models: Models, model_server: ModelServer) -> None:
    model_server.script(Scripted(text="x" * 120))
    seen: list[int] = []
    await models.call(PLAIN, on_progress=seen.append)
    assert len(seen) > 5
    assert seen == sorted(seen)
    assert seen[-1] == 120


@pytest.mark.parametrize(
    ("reply", "stop"),
    [
        (Scripted(text="Half a sen", stop="length"), "length"),
        (Scripted(text="I will not.", stop="refusal"), "refusal"),
        (Scripted(text="", stop="content_filter"), "content_filter"),
    ],
)
async def test_truncation_and_refusal_are_results_with_a_cost(
    models: Models, model_server: ModelServer, reply: Scripted, stop: str
) -> None:
    model_server.script(reply)
    got = await models.call(ASKED)
    # Anthropic has one word for both.
    expected = "refusal" if stop == "content_filter" and models.provider == "anthropic" else stop
    assert (got.stop, got.data) == (expected, None)
    assert got.usd


@pytest.mark.parametrize("raw", ['{"colour": ', "blue", '["blue"]', ""])
async def test_malformed_structured_output_keeps_its_cost(models: Models, model_server: ModelServer, raw: str) -> None:
    model_server.script(Scripted(raw=raw))
    got = await models.call(ASKED)
    assert got.data is None
    assert got.usd


BUSY = [
    (error(429, "rate_limit_error", "Slow down", retry_after="7"), 7.0),
    (error(429, "rate_limit_error", "Slow down", retry_after_ms="1500"), 1.5),
    (error(429, "rate_limit_error", "Slow down"), None),
    (error(529, "overloaded_error", "Overloaded"), None),
    (error(503, "server_error", "Down", retry_after="2"), 2.0),
    (error(500, "api_error", "Oops"), None),
]


@pytest.mark.parametrize(("reply", "pause"), BUSY)
async def test_busy_is_worth_a_retry_and_is_asked_once(
    models: Models, model_server: ModelServer, reply: Scripted, pause: float | None
) -> None:
    model_server.script(reply)
    with pytest.raises(ModelBusy) as caught:
        await models.call(PLAIN)
    assert (caught.value.retry_after, caught.value.retryable, caught.value.maybe_paid) == (pause, True, False)
    assert len(model_server.requests) == 1


async def test_overload_in_the_middle_of_a_stream(models: Models, model_server: ModelServer) -> None:
    model_server.script(Scripted(late_error="overloaded_error"))
    with pytest.raises(ModelBusy) as caught:
        await models.call(PLAIN)
    assert caught.value.maybe_paid


@pytest.mark.parametrize("reply", [Scripted(text="x" * 100, cut_after=4), Scripted(ends_early=True)])
async def test_a_broken_stream_is_worth_a_retry_and_may_be_charged(
    models: Models, model_server: ModelServer, reply: Scripted
) -> None:
    model_server.script(reply)
    with pytest.raises(ModelBusy, match="in the middle of a reply") as caught:
        await models.call(PLAIN)
    assert caught.value.maybe_paid


async def test_a_server_that_is_not_there(model_server: ModelServer, protocol: str, unused_port: int) -> None:
    address = f"http://127.0.0.1:{unused_port}"
    setting = URLS[protocol]
    models = connect(model_server, protocol, **{setting: address})
    with pytest.raises(ModelBusy, match=setting) as caught:
        await models.call(PLAIN)
    assert not caught.value.maybe_paid


async def test_a_silent_stream_is_noticed(model_server: ModelServer, protocol: str) -> None:
    models = patient(model_server, protocol, Timeouts(silence=0.3))
    model_server.script(Scripted(pause=2))
    with pytest.raises(ModelBusy) as caught:
        await asyncio.wait_for(models.call(PLAIN), 1.5)
    assert not caught.value.maybe_paid, "not a word had come"


async def test_a_call_has_an_end(model_server: ModelServer, protocol: str) -> None:
    models = patient(model_server, protocol, Timeouts(whole=0.5))
    model_server.script(Scripted(text="x" * 1000, pause=0.1))
    with pytest.raises(ModelBusy) as caught:
        await asyncio.wait_for(models.call(PLAIN), 2)
    assert caught.value.maybe_paid
    await dropped(model_server)


def patient(server: ModelServer, protocol: str, timeouts: Timeouts) -> Models:
    """The same client with other limits."""
    made = connect(server, protocol)
    service = replace(vars(made)["service"], timeouts=timeouts)
    if isinstance(made, Bedrock):
        return bedrock.connect(service, settings(server, protocol))
    return type(made)(service)  # type: ignore[call-arg]


async def dropped(server: ModelServer) -> None:
    """The server has seen the client go."""
    for _ in range(100):
        if server.requests[0].dropped:
            return
        await asyncio.sleep(0.02)
    pytest.fail("the server never saw the client go")


async def test_cancelling_reaches_the_server(models: Models, model_server: ModelServer) -> None:
    model_server.script(Scripted(text="x" * 1000, pause=0.05))
    started = asyncio.Event()
    call = asyncio.create_task(models.call(PLAIN, on_progress=lambda _: started.set()))
    await started.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await dropped(model_server)


async def test_a_bad_key_names_its_setting(model_server: ModelServer, protocol: str) -> None:
    setting, named = KEYS[protocol]
    models = connect(model_server, protocol, **{setting: "sk-wrong"})
    with pytest.raises(ModelMisconfigured, match=f"Set {named}") as caught:
        await models.call(PLAIN)
    assert caught.value.subject == named
    assert not caught.value.retryable


async def test_an_unknown_model_names_its_setting(models: Models, model_server: ModelServer) -> None:
    model_server.models = frozenset({"another"})
    with pytest.raises(ModelMisconfigured, match="Set COUNTERSIGN_MODEL"):
        await models.call(PLAIN)


async def test_an_account_without_credit_is_not_retried(models: Models, model_server: ModelServer) -> None:
    model_server.script(error(429, "insufficient_quota", "You exceeded your current quota"))
    with pytest.raises(ModelMisconfigured, match="credit"):
        await models.call(PLAIN)


@pytest.mark.parametrize(
    "reply",
    [
        error(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
        error(400, "context_length_exceeded", "This model's maximum context length is 128000 tokens."),
        error(413, "request_too_large", "Request exceeds the maximum size"),
    ],
)
async def test_context_overflow(models: Models, model_server: ModelServer, reply: Scripted) -> None:
    model_server.script(reply)
    with pytest.raises(ContextOverflow, match="shorter range"):
        await models.call(PLAIN)


async def test_a_request_the_model_cannot_do(models: Models, model_server: ModelServer) -> None:
    model_server.script(error(400, "invalid_request_error", "temperature is not supported"))
    with pytest.raises(ModelMisconfigured, match="temperature is not supported"):
        await models.call(PLAIN)


async def test_anthropic_request(model_server: ModelServer) -> None:
    model_server.script(Scripted(data={"colour": "blue"}))
    await connect(model_server, "anthropic").call(ASKED)
    body = model_server.requests[0].body
    assert body["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert body["tool_choice"] == {"type": "tool", "name": "sky"}
    assert body["tools"][0]["input_schema"] == SCHEMA
    assert (body["stream"], body["max_tokens"], body["model"]) == (True, 100, "claude-haiku-4-5")


async def test_a_model_that_takes_no_forced_tool_is_asked_to_use_it(model_server: ModelServer) -> None:
    models = connect(model_server, "anthropic")
    refused = error(400, "invalid_request_error", "Thinking may not be enabled when tool_choice forces tool use.")
    model_server.script(refused, Scripted(text='{"colour": "red"}'))
    assert (await models.call(ASKED)).data == {"colour": "red"}
    assert [asked.body["tool_choice"]["type"] for asked in model_server.requests] == ["tool", "auto"]


async def test_a_second_turn_reuses_the_first_as_a_cached_prefix(model_server: ModelServer) -> None:
    turns = (
        Message(role="user", text="Hello?"),
        Message(role="assistant", text="Hi."),
        Message(role="user", text="Again."),
    )
    model_server.script(Scripted())
    await connect(model_server, "anthropic").call(PLAIN.model_copy(update={"messages": turns}))
    first, second, third = model_server.requests[0].body["messages"]
    assert first["content"][0]["cache_control"] == third["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert second == {"role": "assistant", "content": [{"type": "text", "text": "Hi."}]}


async def test_openai_request(model_server: ModelServer) -> None:
    model_server.script(Scripted(data={"colour": "blue"}))
    await connect(model_server, "openai").call(ASKED)
    body = model_server.requests[0].body
    assert body["response_format"]["json_schema"] == {"name": "sky", "schema": SCHEMA, "strict": True}
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["stream_options"] == {"include_usage": True}


async def test_a_server_without_structured_output_gets_the_schema_in_words(model_server: ModelServer) -> None:
    models = connect(model_server, "openai")
    lacking = error(400, "invalid_request_error", "response_format.type 'json_schema' is not supported")
    fenced = Scripted(text='```json\n{"colour": "red"}\n```')
    model_server.script(lacking, fenced, fenced)
    assert (await models.call(ASKED)).data == {"colour": "red"}
    assert (await models.call(ASKED)).data == {"colour": "red"}
    first, second, third = model_server.requests
    assert "response_format" in first.body
    assert "response_format" not in second.body
    assert '"colour"' in second.body["messages"][0]["content"]
    assert "response_format" not in third.body


async def test_a_server_of_ones_own_needs_no_key_and_has_no_price(model_server: ModelServer) -> None:
    model_server.key = "none"
    try:
        own = {"OPENAI_BASE_URL": model_server.openai_url, "COUNTERSIGN_MODEL": "gpt-4.1-mini"}
        tiers = models_from_environment(own)
        assert tiers is not None
        models = tiers.small
        model_server.script(Scripted())
        reply = await models.call(PLAIN)
    finally:
        model_server.key = KEY
    assert reply.usd is None
    assert models.worst_case_usd(PLAIN) is None


async def test_a_reply_without_usage_has_no_price(model_server: ModelServer) -> None:
    model_server.script(Scripted(usage=False))
    reply = await connect(model_server, "openai").call(PLAIN)
    assert reply.usd is None


async def test_an_unlisted_model_has_no_price(model_server: ModelServer, protocol: str) -> None:
    model_server.script(Scripted())
    models = connect(model_server, protocol, COUNTERSIGN_MODEL="someones-own-model")
    assert models.worst_case_usd(PLAIN) is None
    assert (await models.call(PLAIN)).usd is None


async def test_the_worst_case_bounds_what_is_paid(models: Models, model_server: ModelServer) -> None:
    prompt = "naïve 東京 " * 200
    request = PLAIN.model_copy(update={"messages": (Message(role="user", text=prompt),)})
    worst = models.worst_case_usd(request)
    model_server.script(
        Scripted(
            input_tokens=0,
            cached_write=len(prompt.encode()) if models.provider != "openai" else 0,
            output_tokens=request.max_output_tokens,
        )
    )
    paid = (await models.call(request)).usd
    assert worst is not None
    assert paid is not None
    assert paid <= worst < 20 * paid + 1


async def test_no_key_anywhere(model_server: ModelServer, protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    """A sentinel for a key, the server echoing it in its errors, and everything that can be seen after."""
    sentinel = "sk-sentinel-4242424242424242"
    own = {KEYS[protocol][0]: sentinel, KEYS[protocol][1]: sentinel}
    models = connect(model_server, protocol, **own)
    caplog.set_level(logging.DEBUG)
    seen = [repr(models), str(vars(models)["service"])]
    seen += [await failure(models)]
    model_server.key = sentinel
    try:
        for said in (f"key {sentinel} is slow", f"prompt is too long {sentinel}", f"no {sentinel}"):
            model_server.script(error(400, "invalid_request_error", said))
            seen.append(await failure(models))
        model_server.script(Scripted(text="fine"))
        seen.append((await models.call(PLAIN)).model_dump_json())
    finally:
        model_server.key = KEY
    assert sentinel not in "\n".join(seen)
    assert sentinel not in caplog.text
    assert any(
        asked.headers.get("authorization", asked.headers.get("x-api-key", "")) for asked in model_server.requests
    )


async def failure(models: Models) -> str:
    """All that an error shows of itself, as Temporal and the console would take it."""
    with pytest.raises(CountersignError) as caught:
        await models.call(PLAIN)
    shown = caught.value
    assert shown.__cause__ is None
    return f"{shown!r} {shown} {shown.problem()} {vars(shown)}"


async def test_real_calls_are_impossible() -> None:
    aws = {
        "AWS_BEARER_TOKEN_BEDROCK": "a-token",
        "AWS_ACCESS_KEY_ID": "a-key",
        "AWS_SECRET_ACCESS_KEY": "a-secret",
        "AWS_REGION": "eu-west-1",
    }
    for environ, host in (({"ANTHROPIC_API_KEY": "sk-test"}, "api.anthropic.com"), (aws, "bedrock-runtime.eu-west-1")):
        tiers = models_from_environment(environ)
        assert tiers is not None
        with pytest.raises((RealModelCalled, ModelBusy, ModelReplyUnusable)) as caught:
            await tiers.small.call(PLAIN)
        assert host in str(caught.value)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
