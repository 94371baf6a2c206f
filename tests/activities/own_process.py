"""An effects' process with a folder of its own workflows: carries out FOLDER/request.json, and says how it went."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from contracts.errors import WeakerGate
from contracts.runs import CarryOut
from tests.activities.effect_world import World
from tests.ledger.support import Signer
from workers import discovery
from workers.settings import Settings
from workers.worker import toolbox

if __name__ == "__main__":
    settings = Settings()
    discovery.add_folder(settings.workflows)
    world = World.open(Path(sys.argv[1]), signer=Signer("ana", None))  # type: ignore[arg-type]
    policies = toolbox(settings, world.ledger, models=False).policies
    world = replace(world, toolbox=replace(world.toolbox, policies=policies))
    request = CarryOut.model_validate_json((world.folder / "request.json").read_text())
    try:
        print(asyncio.run(world.carry_out(request)).says)
    except WeakerGate as weaker:
        print(f"{weaker.name}: {weaker.what.partition('Missing: ')[2]}")
