"""The chain that step_overhead measures. In a file of its own: the workflow sandbox imports it again for each run."""

from datetime import timedelta

from pydantic import BaseModel
from temporalio import activity, workflow

STEPS = 10


class Count(BaseModel):
    """The chain's only value."""

    value: int


@activity.defn
async def add_one(count: Count) -> Count:
    return Count(value=count.value + 1)


@workflow.defn
class Chain:
    """Ten steps, one after the other."""

    @workflow.run
    async def run(self, count: Count) -> Count:
        for _ in range(STEPS):
            count = await workflow.execute_activity(add_one, count, start_to_close_timeout=timedelta(seconds=10))
        return count
