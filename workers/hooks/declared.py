"""`hooks.toml`: which deliveries start which workflow, and on what input.

    [[hook]]
    name = "app-issues"                       # delivered to /hooks/app-issues
    from = "github"
    secret = "APP_HOOK_SECRET"                # the variable that holds it
    on = ["issues.opened", "issues.reopened"]
    workflow = "ticket_to_pr"
    input = { ticket = "{issue.html_url}", repository = "/srv/app" }

What stands in braces is looked up in the delivery. It stays data: the workflow's own type has to take it.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from contracts.errors import BadInput
from workers import discovery
from workers.hooks.signatures import Service

LONGEST = 2000  # letters of one value out of a delivery
_PLACE = re.compile(r"\{([A-Za-z0-9_.-]{1,200})\}")


class Hook(BaseModel, extra="forbid"):
    """One `[[hook]]` of the file."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")
    service: Service = Field(alias="from")
    secret: str = Field(pattern=r"^[A-Z][A-Z0-9_]{0,100}$")
    on: tuple[str, ...] = Field(min_length=1)
    workflow: str
    input: dict[str, Any] = {}

    @property
    def model(self) -> type[BaseModel]:
        return discovery.request_type(discovery.workflow_named(self.workflow))

    def request(self, delivery: Mapping[str, Any]) -> BaseModel:
        """The run's input. BadInput where the delivery has not what it takes."""
        filled = {name: _filled(value, delivery) for name, value in self.input.items()}
        try:
            return self.model.model_validate(filled)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise BadInput(
                f"The delivery makes no input for {self.workflow}: {where}: {first['msg']}.",
                subject=self.name,
                way_out="Correct `input` of that hook in hooks.toml.",
            ) from None


def read(path: Path) -> dict[str, Hook]:
    """The hooks of a file, by name. BadInput names the hook and field that is wrong."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
        hooks = [_hook(path, number, each) for number, each in enumerate(_list(raw), 1)]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The file of webhooks {str(path)!r} can't be read: {error}.", subject=str(path)) from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is not TOML: {error}.", subject=str(path)) from error
    named: dict[str, Hook] = {}
    for hook in hooks:
        if named.setdefault(hook.name, hook) is not hook:
            raise BadInput(f"{path}: two hooks are called {hook.name!r}.", subject=hook.name)
    return named


def _list(raw: Mapping[str, Any]) -> list[Any]:
    found = raw.get("hook", [])
    return found if isinstance(found, list) else [found]


def _hook(path: Path, number: int, given: Any) -> Hook:
    try:
        hook = Hook.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "hook"
        raise BadInput(f"{path}: hook {number}: {where}: {first['msg']}.", subject=str(path)) from error
    unknown = sorted(set(hook.input) - set(hook.model.model_fields))
    if unknown:
        raise BadInput(
            f"{path}: hook {number} ({hook.name}): {hook.workflow} takes no {', '.join(unknown)}.",
            subject=str(path),
            way_out=f"It takes {', '.join(hook.model.model_fields)}.",
        )
    return hook


def _filled(value: Any, delivery: Mapping[str, Any]) -> Any:
    """The value with what stands in braces looked up. A text that is one place keeps the type of what is there."""
    if isinstance(value, list):
        return [_filled(each, delivery) for each in value]
    if isinstance(value, dict):
        return {name: _filled(each, delivery) for name, each in value.items()}
    if not isinstance(value, str):
        return value
    if whole := _PLACE.fullmatch(value):
        return _found(whole[1], delivery)
    return _PLACE.sub(lambda place: str(_found(place[1], delivery)), value)


def _found(place: str, delivery: Mapping[str, Any]) -> str | int | float | bool:
    here: Any = delivery
    for name in place.split("."):
        here = here.get(name) if isinstance(here, Mapping) else None
    if isinstance(here, str | int | float) and len(str(here)) <= LONGEST:
        return here
    what = "has nothing" if here is None else "has something too long, or no single value,"
    raise BadInput(f"The delivery {what} at {place}.", subject=place, way_out="Correct `input` in hooks.toml.")
