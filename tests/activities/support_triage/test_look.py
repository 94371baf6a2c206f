"""What a look takes. All tickets are generated."""

from pathlib import Path

from activities.progress import Progress
from activities.support_triage.look import SupportLooking
from activities.support_triage.sources.files import Files
from contracts.support import LookRequest
from tests.activities.effect_world import World
from workers.demo.tickets import new, write


async def test_what_was_left_never_keeps_a_look_from_what_is_new(tmp_path: Path) -> None:
    world = World.open(tmp_path)
    path = write(tmp_path / "tickets.jsonl", new(10, doubtful=0))
    source, looking = Files(str(path)), SupportLooking(world.toolbox)
    first = await looking._new(source, LookRequest(run="a", source=str(path), most=10), Progress(""))
    assert len(first.tickets) == 10
    world.ledger.give_back(source.name, [each.key for each in first.tickets])
    world.ledger.move_cursor(f"support/new/{source.name}", first.cursor or "")

    write(path, [{**each, "id": f"N{place}"} for place, each in enumerate(new(6, doubtful=0))])
    found = await looking._new(source, LookRequest(run="b", source=str(path), most=8), Progress(""))
    assert [each.id[0] for each in found.tickets] == ["T"] * 4 + ["N"] * 4
    world.ledger.close()
