"""The tools an agent may use, each a name, typed arguments, and what it does. The list is the only registry."""

from collections.abc import Mapping, Sequence

from activities.agent.tools.editing import Edit, Patch, Write
from activities.agent.tools.finding import Find, Grep, ListFolder
from activities.agent.tools.history import Blame, Log, Show
from activities.agent.tools.noting import Note
from activities.agent.tools.reading import Read
from activities.agent.tools.running import Run, Test
from activities.agent.tools.tool import AnyTool, ToolProblem, declared

TOOLS: Mapping[str, AnyTool] = {
    tool.name: tool
    for tool in (
        *(Find(), Grep(), ListFolder(), Read()),
        *(Edit(), Write(), Patch()),
        *(Run(), Test()),
        *(Log(), Blame(), Show()),
        Note(),
    )
}


def chosen(names: Sequence[str]) -> list[AnyTool]:
    """The tools of these names, in the order of the list; all of them where none is named."""
    return [tool for name, tool in TOOLS.items() if not names or name in names]


__all__ = ["TOOLS", "AnyTool", "ToolProblem", "chosen", "declared"]
