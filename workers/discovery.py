"""Finds workflows and activities: every `@workflow.defn` in workflows/, every activities class in activities/.

Nothing is registered by hand. `COUNTERSIGN_WORKFLOWS=path` adds the folders `path/workflows` and `path/activities`
of another repository: both packages extend their search path with what is on `sys.path`.
"""

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from contracts.errors import BadInput
from contracts.policy import Policy
from contracts.steps import AGENTS, EFFECTS, LEASES, MACHINES, Queue

# An activity's name says which queue it is polled on; all others are the agents'.
PREFIXES: dict[str, Queue] = {"effect.": EFFECTS, "machine.open": MACHINES, "machine.": LEASES}


class ScopedWorkflow(Protocol):
    """A workflow class with its policy."""

    policy: Policy
    __name__: str


def add_folder(folder: str) -> None:
    """Put a folder with workflows/ and activities/ of its own on the search path. Empty: nothing to add."""
    if not folder:
        return
    path = Path(folder).resolve()
    if not (path / "workflows").is_dir():
        raise BadInput(
            f"{str(path)!r} has no folder workflows/.",
            subject=folder,
            way_out="Point COUNTERSIGN_WORKFLOWS at a folder that holds workflows/ and activities/.",
        )
    if str(path) not in sys.path:
        sys.path.append(str(path))
    for name in ("workflows", "activities"):
        package = importlib.import_module(name)
        package.__path__ = pkgutil.extend_path(package.__path__, name)


def modules(package_name: str, marker: str) -> Iterator[ModuleType]:
    """The modules below a package whose source has `marker`, in order of name.

    Others aren't imported: providers' clients and learning libraries take seconds, and most workers need neither.
    """
    package = importlib.import_module(package_name)
    for found in sorted(pkgutil.walk_packages(package.__path__, package_name + "."), key=lambda each: each.name):
        spec = importlib.util.find_spec(found.name)
        if spec is not None and spec.origin is not None and marker in Path(spec.origin).read_text("utf-8"):
            yield _loaded(found.name, spec.origin)


def _loaded(name: str, file: str) -> ModuleType:
    """The module. BadInput for one that can't be loaded: it is somebody's own, or half written."""
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise BadInput(
            f"{file!r} can't be loaded: {type(error).__name__}: {error}.",
            subject=file,
            way_out="Correct the file. COUNTERSIGN_DEBUG=1 shows the whole traceback.",
        ) from error


def workflow_classes() -> list[type]:
    """Every workflow class, once, in order of its name."""
    found: dict[str, type] = {}
    for module in modules("workflows", "@workflow.defn"):
        for _, member in inspect.getmembers(module, inspect.isclass):
            definition = member.__dict__.get("__temporal_workflow_definition")
            if definition is not None and member.__module__ == module.__name__:
                _refuse_twins(found, definition.name, member)
                found[definition.name] = member
    return [found[name] for name in sorted(found)]


def scoped_workflows() -> list[type]:
    """Those that a person or a schedule starts. One without a policy is a piece that others start as their child."""
    return [each for each in workflow_classes() if hasattr(each, "policy")]


def policies() -> dict[str, Policy]:
    """The policy of each scoped workflow, by the name that Temporal knows it by."""
    return {workflow_name(each): each.policy for each in scoped_workflows()}  # type: ignore[attr-defined]


def workflow_named(name: str) -> type:
    """The scoped workflow of that name. BadInput lists those there are."""
    classes = {workflow_name(each): each for each in scoped_workflows()}
    if name not in classes:
        raise BadInput(
            f"There is no workflow {name!r}.", subject=name, way_out=f"There are: {', '.join(classes) or 'none'}."
        )
    return classes[name]


def workflow_name(cls: type) -> str:
    """The name Temporal knows it by."""
    return str(cls.__dict__["__temporal_workflow_definition"].name)


def request_type(cls: type) -> type[Any]:
    """The pydantic model that the workflow's `run` takes."""
    definition = cls.__dict__["__temporal_workflow_definition"]
    [takes] = definition.arg_types
    return takes  # type: ignore[no-any-return]


def activity_classes() -> list[type]:
    """Every class in activities/ that has an `@activity.defn` method of its own."""
    found = []
    for module in modules("activities", "@activity.defn"):
        for _, member in inspect.getmembers(module, inspect.isclass):
            if member.__module__ == module.__name__ and any(True for _ in _activity_names(member)):
                found.append(member)
    return found


def queue_of(name: str) -> Queue:
    """The queue of the activity with that name."""
    return next((queue for prefix, queue in PREFIXES.items() if name.startswith(prefix)), AGENTS)


def activities(toolbox: object, queue: Queue) -> list[Callable[..., Any]]:
    """The bound activities of one queue."""
    bound = []
    for cls in activity_classes():
        chosen = [attribute for attribute, name in _activity_names(cls) if queue_of(name) == queue]
        if chosen:
            instance = cls(toolbox)
            bound += [getattr(instance, attribute) for attribute in chosen]
    return bound


def _activity_names(cls: type) -> Iterator[tuple[str, str]]:
    for attribute, member in vars(cls).items():
        definition = getattr(member, "__temporal_activity_definition", None)
        if definition is not None:
            yield attribute, definition.name


def _refuse_twins(found: dict[str, type], name: str, member: type) -> None:
    if name in found:
        raise BadInput(
            f"Two workflows are called {name!r}: in {found[name].__module__} and in {member.__module__}.",
            subject=name,
            way_out="Rename one of them.",
        )
