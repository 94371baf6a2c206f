"""The model server speaks well enough for the plain clients, streaming and not, and says that it is scripted."""

import anthropic
import openai
import pytest

from tests.support.model_server import KEY, ModelServer, Scripted, error


async def test_anthropic_without_streaming(model_server: ModelServer) -> None:
    client = anthropic.AsyncAnthropic(api_key=KEY, base_url=model_server.anthropic_url, max_retries=0)
    model_server.script(Scripted(text="Good day.", cached_read=7))
    message = await client.messages.create(
        model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "Hello?"}]
    )
    assert message.content[0].model_dump()["text"] == "Good day."
    assert (message.stop_reason, message.usage.cache_read_input_tokens) == ("end_turn", 7)


async def test_anthropic_through_the_clients_own_stream_helper(model_server: ModelServer) -> None:
    client = anthropic.AsyncAnthropic(api_key=KEY, base_url=model_server.anthropic_url, max_retries=0)
    model_server.script(Scripted(text="A longer good day to you.", stop="length"))
    async with client.messages.stream(
        model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "Hello?"}]
    ) as stream:
        message = await stream.get_final_message()
    assert message.content[0].model_dump()["text"] == "A longer good day to you."
    assert message.stop_reason == "max_tokens"


async def test_openai_without_streaming(model_server: ModelServer) -> None:
    client = openai.AsyncOpenAI(api_key=KEY, base_url=model_server.openai_url, max_retries=0)
    model_server.script(Scripted(text="Good day."), Scripted(text="No.", stop="refusal"))
    for field in ("content", "refusal"):
        completion = await client.chat.completions.create(
            model="gpt-4.1-mini", messages=[{"role": "user", "content": "Hello?"}]
        )
        assert getattr(completion.choices[0].message, field)
        assert completion.usage is not None


async def test_every_reply_is_labelled(model_server: ModelServer) -> None:
    client = openai.AsyncOpenAI(api_key=KEY, base_url=model_server.openai_url, max_retries=0)
    model_server.script(error(503, "server_error", "Down"))
    with pytest.raises(openai.InternalServerError) as caught:
        await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello?"}])
    assert caught.value.response.headers["x-scripted"] == "true"


async def test_a_request_without_a_script_is_a_surprise(model_server: ModelServer) -> None:
    client = openai.AsyncOpenAI(api_key=KEY, base_url=model_server.openai_url, max_retries=0)
    with pytest.raises(openai.APIStatusError):
        await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello?"}])
    assert [asked.body["model"] for asked in model_server.surprises] == ["m"]
    model_server.surprises.clear()
