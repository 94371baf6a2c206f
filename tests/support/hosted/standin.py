"""A stand-in for Daytona's API: the routes that its Python SDK calls, over HTTP on the loopback.

It is made from the SDK and its generated clients (0.226), and from what the vendor's daemon was last published as. It
is not Daytona: no image is built, no limit of the vendor's is held, and what the service does beyond these routes is
not here. Commands and files are real: each sandbox is one of our own bubblewrap sandboxes, so that what a test sees
come back was done by a real shell in a real file system.
"""

import asyncio
import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from contracts.policy import SandboxPolicy
from sandboxes import Bubblewrap, Mount
from tests.support.hosted.faults import FAULTS, Fault, Handler, envelope, served
from tests.support.hosted.toolbox import Machine, routes

KEY = "dtn_a-key-that-no-log-may-show"
NO_IMAGE = "nowhere/"
GIB = 1 << 30


class StandIn:
    """`async with StandIn(folder, provider)`; `url` is what DAYTONA_API_URL would be."""

    def __init__(self, folder: Path, provider: Bubblewrap) -> None:
        self.folder, self.provider = folder, provider
        self.keys = {KEY}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.asked: list[dict[str, Any]] = []  # bodies of what was asked to be created
        self.machines: dict[str, Machine] = {}
        self.overrides: dict[str, Any] = {}  # of what a new sandbox says of itself
        self.page = 100
        self.url = ""

    async def __aenter__(self) -> "StandIn":
        app = web.Application(middlewares=[self._middleware], client_max_size=1 << 30)
        app[FAULTS] = self.faults
        app.add_routes(
            [
                web.post("/api/sandbox", self._create),
                web.get("/api/sandbox", self._list),
                web.get("/api/sandbox/{id}", self._get),
                web.delete("/api/sandbox/{id}", self._delete),
                *routes("/toolbox/{id}", self.machine),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/api"
        return self

    async def __aexit__(self, *_: object) -> None:
        for machine in list(self.machines.values()):
            await machine.end()
        await self._runner.cleanup()

    def calls(self, where: str) -> int:
        return sum(where in each for each in self.requests)

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        if request.headers.get("Authorization") not in {f"Bearer {key}" for key in self.keys}:
            return envelope(401, "Invalid credentials")
        for fault in self.faults:
            if fault.matches(request):
                return await served(fault, request, handler)
        return await handler(request)

    def machine(self, request: web.Request) -> Machine:
        """Raises HTTPNotFound: the sandbox is gone."""
        found = self.machines.get(request.match_info["id"])
        if found is None:
            body = json.dumps({"statusCode": 404, "message": "Sandbox not found", "source": "DAYTONA_API"})
            raise web.HTTPNotFound(text=body, content_type="application/json")
        return found

    async def lose(self, identifier: str) -> None:
        """The sandbox is gone, as when the vendor's interval has passed."""
        await self.machines.pop(identifier).end()

    async def _create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.asked.append(asked)
        identifier = secrets.token_hex(16)
        home = self.folder / identifier
        (home / ".countersign").mkdir(parents=True)
        policy = SandboxPolicy(
            memory_bytes=asked["memory"] * GIB,
            disk_bytes=asked["disk"] * GIB,
            network="none" if asked["networkBlockAll"] else "open",
            wall_seconds=3600,
        )
        box = await self.provider.create(policy, owner="stand-in", mounts=[Mount(home, "/home/agent", writable=True)])
        machine = Machine(identifier, box, self._told(identifier, asked) | self.overrides)
        self.machines[identifier] = machine
        return web.json_response(machine.told | {"state": "creating"})

    def _told(self, identifier: str, asked: dict[str, Any]) -> dict[str, Any]:
        missing = asked["buildInfo"]["dockerfileContent"].startswith(f"FROM {NO_IMAGE}")
        now = datetime.now(UTC).isoformat()
        return {
            "id": identifier,
            "name": identifier,
            "organizationId": "stand-in",
            "user": asked["user"],
            "env": {},
            "labels": asked["labels"],
            "public": asked["public"],
            "networkBlockAll": asked["networkBlockAll"],
            "kvm": False,
            "target": asked.get("target") or "stand-in",
            "cpu": asked["cpu"],
            "gpu": 0,
            "memory": asked["memory"],
            "disk": asked["disk"],
            "state": "build_failed" if missing else "started",
            "errorReason": "pull access denied" if missing else None,
            "autoStopInterval": asked["autoStopInterval"],
            "autoDeleteInterval": asked["autoDeleteInterval"],
            "createdAt": now,
            "updatedAt": now,
            "toolboxProxyUrl": self.url.removesuffix("/api") + "/toolbox",
        }

    async def _list(self, request: web.Request) -> web.Response:
        wanted = json.loads(request.query.get("labels", "{}"))
        fitting = [each.told for each in self.machines.values() if wanted.items() <= each.told["labels"].items()]
        at = int(request.query.get("cursor") or 0)
        more = at + self.page < len(fitting)
        shown = [self._item(each) for each in fitting[at : at + self.page]]
        return web.json_response({"items": shown, "nextCursor": str(at + self.page) if more else None})

    def _item(self, told: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in told.items() if name not in ("env", "kvm")}

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self.machine(request).told)

    async def _delete(self, request: web.Request) -> web.Response:
        machine = self.machine(request)
        del self.machines[machine.id]
        await asyncio.shield(machine.end())
        return web.json_response(machine.told | {"state": "destroying"})
