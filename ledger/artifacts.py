"""Bodies too large for history or a table, kept under their hash."""

import contextlib
import errno
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel

from contracts.errors import AccessRefused, ArtifactDamaged, BadInput, CountersignError, DiskFull, NotFound

PREFIX = "sha256:"
REFERENCE = re.compile(r"sha256:[0-9a-f]{64}")

Model = TypeVar("Model", bound=BaseModel)


class ArtifactStore(Protocol):
    """Where bodies live. A reference is `sha256:<hex>` of the plain bytes."""

    def put(self, data: bytes) -> str: ...

    def get(self, ref: str) -> bytes: ...

    def has(self, ref: str) -> bool: ...

    def put_model(self, model: BaseModel) -> str: ...

    def get_model(self, cls: type[Model], ref: str) -> Model: ...

    def written(self) -> Iterator[tuple[str, datetime]]: ...

    def erase(self, ref: str) -> None: ...


class FolderArtifacts:
    """Artifacts in a folder: `ab/cdef…`, written whole or not at all, read-only, checked when read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes) -> str:
        """Store `data` and give its reference. DiskFull or AccessRefused leave nothing behind."""
        ref = PREFIX + hashlib.sha256(data).hexdigest()
        path = self._path(ref)
        with _explained(path):
            if path.exists() and path.read_bytes() == data:
                os.utime(path)  # whoever asks how old it is has to know that it is needed again
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_whole(path, data)
        return ref

    def get(self, ref: str) -> bytes:
        """The bytes under `ref`. NotFound; ArtifactDamaged when they no longer hash to it."""
        path = self._path(ref)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            if _marker(path).exists():
                raise NotFound("This text had personal data in it, and was erased.", subject=ref) from error
            raise NotFound(f"No artifact {ref} in {self.folder}.", subject=ref) from error
        except PermissionError as error:
            raise AccessRefused(f"The artifact {ref} may not be read.", subject=str(path)) from error
        if PREFIX + hashlib.sha256(data).hexdigest() != ref:
            raise ArtifactDamaged(
                f"The file of artifact {ref} was changed: its content has another hash.",
                subject=str(path),
                way_out="Restore the file from a backup; what depends on it stays refused until then.",
            )
        return data

    def has(self, ref: str) -> bool:
        return self._path(ref).is_file()

    def references(self) -> Iterator[str]:
        """All that is in the store, in no order."""
        for path in self.folder.glob("??/*"):
            if REFERENCE.fullmatch(ref := f"{PREFIX}{path.parent.name}{path.name}"):
                yield ref

    def written(self) -> Iterator[tuple[str, datetime]]:
        """All that is in the store, with when it was last put there."""
        for ref in self.references():
            yield ref, datetime.fromtimestamp(self._path(ref).stat().st_mtime, UTC)

    def erase(self, ref: str) -> None:
        """Take it out for good; who asks for it is told that it was erased. One that isn't there: nothing."""
        path = self._path(ref)
        with _explained(path):
            if path.exists():
                _marker(path).touch()
                path.unlink()

    def size(self, ref: str) -> int:
        """Bytes; 0 for one that isn't there."""
        path = self._path(ref)
        return path.stat().st_size if path.is_file() else 0

    def put_model(self, model: BaseModel) -> str:
        return self.put(model.model_dump_json().encode())

    def get_model(self, cls: type[Model], ref: str) -> Model:
        return cls.model_validate_json(self.get(ref))

    def _path(self, ref: str) -> Path:
        if not REFERENCE.fullmatch(ref):
            raise BadInput(f"{ref!r} is not an artifact's reference.", subject=ref)
        digest = ref.removeprefix(PREFIX)
        return self.folder / digest[:2] / digest[2:]


def _marker(path: Path) -> Path:
    """Beside an erased body's place."""
    return path.with_name(f"{path.name}.erased")


def _write_whole(path: Path, data: bytes) -> None:
    """Write beside the place, sync, then rename: a reader sees all of it or nothing, also after a crash."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o440)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _explanation(error, path) from error


def _explanation(error: OSError, path: Path) -> CountersignError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            "The disk that holds the artifacts is full; nothing half-written was kept.",
            subject=str(path.parent),
            way_out="Free some space and start the run again.",
        )
    return AccessRefused(
        f"The artifact folder {str(path.parent)!r} cannot be written ({error.strerror}).",
        subject=str(path.parent),
        way_out="Check that it exists and belongs to the user that runs Countersign.",
    )
