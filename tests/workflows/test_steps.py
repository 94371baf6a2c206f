"""A step's attempts: for what it does itself, not for workers that die or a ledger that is away."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError, TimeoutError
from temporalio.worker import Worker

from tests.support.time_skipping import SkippingServer
from workers.runner import runner

with workflow.unsafe.imports_passed_through():
    from contracts.steps import Step
    from contracts.text import TextRequest
    from workflows.steps import step

BEAT = timedelta(seconds=0.5)
TRIED = Step("tried", TextRequest, TextRequest, heartbeat=BEAT, attempts=2)
STEPS = {"tried": TRIED, "once": replace(TRIED, attempts=1)}


@workflow.defn(name="stepping")
class Stepping:
    @workflow.run
    async def run(self, request: TextRequest) -> TextRequest:
        return await step(STEPS[request.subject], request, summary="Try it", queue=workflow.info().task_queue)


Behaviour = Callable[[int], Awaitable[None]]  # what an attempt does, by its number from 1


async def attempts(server: SkippingServer, behaviour: Behaviour, subject: str = "tried") -> int:
    """How many there were until a run of one step had its result. Raises what the step failed of."""
    begun = 0

    @activity.defn(name="tried")
    async def tried(request: TextRequest) -> TextRequest:
        nonlocal begun
        begun += 1
        await behaviour(begun)
        return request

    client = await Client.connect(server.address, data_converter=pydantic_data_converter)
    queue = f"steps-{uuid.uuid4()}"
    async with Worker(client, task_queue=queue, workflows=[Stepping], activities=[tried], workflow_runner=runner()):
        request = TextRequest(subject=subject)
        handle = await client.start_workflow(Stepping.run, request, id=queue, task_queue=queue)
        result = asyncio.create_task(handle.result())
        while not result.done():
            await server.skip(client, timedelta(seconds=30))
            await asyncio.sleep(0.02)
        try:
            assert await result == request
        except WorkflowFailureError as failed:
            error = failed.cause
            raise getattr(error, "cause", None) or failed from failed
    return begun


def fails(name: str, times: int) -> Behaviour:
    async def behave(number: int) -> None:
        if number <= times:
            raise ApplicationError("as told", type=name)

    return behave


def dies(times: int) -> Behaviour:
    async def behave(number: int) -> None:
        if number <= times:
            await asyncio.sleep(3600)  # no sign of life: its worker was killed

    return behave


async def test_a_ledger_that_is_away_is_waited_for(time_skipping: SkippingServer) -> None:
    assert await attempts(time_skipping, fails("LedgerUnavailable", 25)) == 26


async def test_what_the_step_itself_fails_of_ends_it(time_skipping: SkippingServer) -> None:
    with pytest.raises(ApplicationError, match="as told"):
        await attempts(time_skipping, fails("SandboxFailed", 2))


async def test_deaths_of_workers_use_up_no_attempts(time_skipping: SkippingServer) -> None:
    assert await attempts(time_skipping, dies(3)) == 4


async def test_a_step_that_kills_its_workers_ends(time_skipping: SkippingServer) -> None:
    with pytest.raises(TimeoutError):
        await attempts(time_skipping, dies(1000))


@pytest.mark.parametrize("behaviour", [fails("LedgerUnavailable", 1), dies(1)])
async def test_what_may_be_tried_once_is_tried_once(time_skipping: SkippingServer, behaviour: Behaviour) -> None:
    with pytest.raises((ApplicationError, TimeoutError)):
        await attempts(time_skipping, behaviour, "once")
