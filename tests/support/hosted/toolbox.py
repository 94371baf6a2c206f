"""The stand-in's part inside a sandbox: commands, sessions, files. Done for real in a bubblewrap sandbox of ours.

As in the vendor's, a session is a shell, its output is kept, each line after a mark of its stream, and whoever follows
gets it from the beginning. Unlike there, /tmp is each command's own.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, WSCloseCode, web

from contracts.errors import SandboxFailed
from sandboxes.bubblewrap import BubblewrapSandbox
from tests.support.hosted.faults import FAULTS, drop, envelope

OUT, ERR = b"\x01\x01\x01", b"\x02\x02\x02"
BOUNDARY = "DAYTONA-FILE-BOUNDARY"
PUT = 'mkdir -p -- "$(dirname -- "$1")" && cat > "$1"'
DAEMON = "DAYTONA_DAEMON"


@dataclass
class Command:
    """A command of a session: its log so far, and its exit code once there is one."""

    text: str
    log: bytearray = field(default_factory=bytearray)
    line: bytearray = field(default_factory=bytearray)
    code: int | None = None
    more: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def take(self, chunk: bytes) -> None:
        *lines, rest = (bytes(self.line) + chunk).split(b"\n")
        self.line = bytearray(rest)
        for line in lines:
            self.log += OUT + line + b"\n"
        self.more.set()

    def end(self, code: int, errors: bytes) -> None:
        if self.line:
            self.take(b"\n")
        for line in errors.splitlines():
            self.log += ERR + line + b"\n"
        self.code = code
        self.more.set()


@dataclass
class Machine:
    """One sandbox: ours, and what is told of it."""

    id: str
    box: BubblewrapSandbox
    told: dict[str, Any]
    sessions: dict[str, dict[str, Command]] = field(default_factory=dict)

    async def end(self) -> None:
        for name in list(self.sessions):
            await self.end_session(name)
        await self.box.destroy()

    async def end_session(self, name: str) -> None:
        for command in self.sessions.pop(name).values():
            if command.task:
                command.task.cancel()
                await asyncio.wait([command.task])
            command.end(137 if command.code is None else command.code, b"")

    async def run(self, command: Command) -> None:
        try:
            result = await self.box.exec(["sh", "-c", command.text], on_stdout=command.take)
            command.end(result.exit_code, result.stderr)
        except SandboxFailed as error:
            command.end(1, str(error).encode())


def routes(base: str, machine: Callable[[web.Request], Machine]) -> list[web.RouteDef]:
    def bound(handler: Callable[[Machine, web.Request], Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            response: web.StreamResponse = await handler(machine(request), request)
            return response

        return handle

    return [
        web.post(f"{base}/process/execute", bound(execute)),
        web.post(f"{base}/process/session", bound(create_session)),
        web.delete(f"{base}/process/session/{{session}}", bound(delete_session)),
        web.post(f"{base}/process/session/{{session}}/exec", bound(execute_in_session)),
        web.get(f"{base}/process/session/{{session}}/command/{{command}}/logs", bound(follow)),
        web.post(f"{base}/files/bulk-upload", bound(upload)),
        web.post(f"{base}/files/bulk-download", bound(download)),
        web.delete(f"{base}/files", bound(delete)),
    ]


async def execute(machine: Machine, request: web.Request) -> web.Response:
    asked = await request.json()
    argv = ["sh", "-c", asked["command"]]
    try:
        done = await machine.box.exec(
            argv, cwd=asked.get("cwd") or "/work", env=asked.get("envs"), timeout=asked.get("timeout")
        )
    except SandboxFailed as error:
        return envelope(400, str(error), DAEMON)
    if done.timed_out:
        return envelope(408, "command execution timeout", DAEMON)
    text = (done.stdout + done.stderr).decode(errors="replace")
    return web.json_response({"exitCode": done.exit_code, "result": text})


async def create_session(machine: Machine, request: web.Request) -> web.Response:
    name = (await request.json())["sessionId"]
    if name in machine.sessions:
        return envelope(409, "session already exists", DAEMON)
    machine.sessions[name] = {}
    return web.Response(status=201)


async def delete_session(machine: Machine, request: web.Request) -> web.Response:
    name = request.match_info["session"]
    if name not in machine.sessions:
        return envelope(404, "session not found", DAEMON)
    await machine.end_session(name)
    return web.Response(status=204)


async def execute_in_session(machine: Machine, request: web.Request) -> web.Response:
    session = machine.sessions.get(request.match_info["session"])
    asked = await request.json()
    if session is None:
        return envelope(404, "session not found", DAEMON)
    assert asked.get("runAsync") is True, "the stand-in only runs commands that are followed"
    name, command = secrets.token_hex(8), Command(asked["command"])
    session[name] = command
    command.task = asyncio.create_task(machine.run(command))
    return web.json_response({"cmdId": name}, status=202)


async def follow(machine: Machine, request: web.Request) -> web.StreamResponse:
    command = machine.sessions.get(request.match_info["session"], {}).get(request.match_info["command"])
    if command is None:
        return envelope(404, "command not found", DAEMON)
    faults = [each for each in request.config_dict[FAULTS] if each.drop_after >= 0 and each.matches(request)]
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    sent = 0
    while True:
        command.more.clear()
        over, chunk = command.code is not None, bytes(command.log[sent : sent + 4096])
        if chunk:
            await socket.send_bytes(chunk)
            sent += len(chunk)
            if faults and sent > faults[0].drop_after:
                faults[0].times -= 1
                drop(request)
                return socket
        elif over:
            break
        else:
            await command.more.wait()
    await socket.close(code=WSCloseCode.OK)
    return socket


async def upload(machine: Machine, request: web.Request) -> web.Response:
    reader, paths, errors = await request.multipart(), {}, []
    while isinstance(part := await reader.next(), BodyPartReader):
        index = (part.name or "").removeprefix("files[").partition("]")[0]
        body = bytes(await part.read())
        if (part.name or "").endswith(".path"):
            paths[index] = body.decode().strip()
            continue
        done = await machine.box.exec(["sh", "-c", PUT, "sh", paths[index]], stdin=body)
        if done.exit_code:
            errors.append(done.stderr.decode(errors="replace"))
    return web.json_response({"errors": errors} if errors else {"files": []}, status=400 if errors else 200)


async def download(machine: Machine, request: web.Request) -> web.StreamResponse:
    (path,) = (await request.json())["paths"]
    done = await machine.box.exec(["cat", "--", path])
    name, body = ("error", done.stderr) if done.exit_code else ("file", done.stdout)
    response = web.StreamResponse(headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
    await response.prepare(request)
    kind = "text/plain; charset=utf-8" if done.exit_code else "application/octet-stream"
    head = f'Content-Type: {kind}\r\nContent-Disposition: form-data; name="{name}"; filename="{path}"'
    await response.write(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + body + f"\r\n--{BOUNDARY}--\r\n".encode())
    await response.write_eof()
    return response


async def delete(machine: Machine, request: web.Request) -> web.Response:
    done = await machine.box.exec(["rm", "--", request.query["path"]])
    return web.Response(status=204) if done.exit_code == 0 else envelope(404, "file not found", DAEMON)
