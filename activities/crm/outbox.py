"""A folder as the system: each change is a file in its `outbox`, for whatever brings it into the real one."""

import errno
import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from activities.crm.protocol import Task
from contracts.errors import AccessRefused, BadInput, DestinationMoved, DiskFull

OUTBOX = "outbox"


class Outbox:
    """Files are written whole, under the marker's name, and never over another: so each is there once."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder) / OUTBOX
        if not Path(folder).is_dir():
            raise DestinationMoved(
                f"The folder {folder!r} is not there any more.", subject=folder, way_out="Put it back, and retry."
            )

    def task_of(self, deal: str, marker: str) -> str:
        path = self._path(marker)
        return str(path) if path.is_file() else ""

    def make_task(self, task: Task) -> str:
        return self._write(task.marker, {"kind": "task", **task.model_dump(mode="json")})

    def field_of(self, deal: str, field: str) -> str:
        """Nobody knows what is in the real system: what was there before is taken at its word."""
        return ""

    def set_field(self, deal: str, field: str, value: str, marker: str) -> str:
        return self._write(marker, {"kind": "field", "deal": deal, "field": field, "value": value, "marker": marker})

    def _path(self, marker: str) -> Path:
        name = re.sub(r"[^a-z0-9]+", "-", marker.lower())
        if not re.fullmatch(r"[a-z0-9-]{8,100}", name):
            raise BadInput(f"{marker!r} is no marker.", subject=marker)
        return self.folder / f"{name}.json"

    def _write(self, marker: str, body: Mapping[str, object]) -> str:
        path = self._path(marker)
        try:
            self.folder.mkdir(exist_ok=True)
            part = self.folder / f".{path.name}.{secrets.token_hex(4)}"
            with part.open("x", encoding="utf-8") as file:
                file.write(json.dumps(body, ensure_ascii=False, indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise DiskFull(
                    f"No room for {str(path)!r}.", subject=str(path), way_out="Free space, retry."
                ) from error
            raise AccessRefused(
                f"{str(path)!r} can't be written: {error.strerror}.",
                subject=str(path),
                way_out="Let the effects' worker write there.",
            ) from error
        return str(path)
