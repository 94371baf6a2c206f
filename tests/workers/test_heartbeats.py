"""Every step of ours has a heartbeat short enough for a dead worker to be noticed within seconds."""

from datetime import timedelta

from contracts import steps


def test_every_step_has_a_heartbeat_of_seconds() -> None:
    named = [each for each in vars(steps).values() if isinstance(each, steps.Step)]
    assert len(named) > 5
    assert [each.name for each in named if not timedelta() < each.heartbeat <= timedelta(seconds=10)] == []
