"""What a tool is."""

from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from activities.agent.desk import Desk
from contracts.tools import Tool


class Arguments(BaseModel):
    """The base of a tool's arguments. A name that was not declared is an error that the model is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ToolProblem(Exception):
    """The tool can't do what was asked. The message is for the model: what is wrong, and what to try."""


class AnyTool(Protocol):
    """`changes`: it may change files, so the work is kept after it and it is never silently done twice."""

    name: str
    description: str
    arguments: type[Arguments]
    changes: bool

    async def use(self, desk: Desk, given: Any) -> str:
        """Do it, and say what came of it. Raises ToolProblem, and CountersignErrors of the sandbox."""
        ...

    def says(self, given: Any) -> str:
        """The call in a few words for people: "read src/a.py:10-40"."""
        ...


def declared(tool: AnyTool) -> Tool:
    """The tool as a model is told of it."""
    return Tool.taking(tool.arguments, name=tool.name, description=tool.description)


def checked(tool: AnyTool, given: dict[str, Any]) -> Any:
    """The arguments in their type. Raises ToolProblem, naming each field that is wrong."""
    try:
        return tool.arguments.model_validate(given)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors()[:5])
        raise ToolProblem(f"The arguments of {tool.name!r} can't be used: {wrong}.") from error
