"""What the providers' protocols have in common in how a conversation is written."""

from contracts.models import ModelRequest, Thought, Tool

EMPTY = "(nothing)"  # no provider takes a turn or a result without a character


def is_own(thought: Thought, provider: str, model: str) -> bool:
    """Whether a block of reasoning goes back to this model: another one refuses or misreads it."""
    return (thought.provider, thought.model) == (provider, model)


def offered(request: ModelRequest) -> tuple[Tool, ...]:
    """The tools, and the one that stands for the structured answer where a protocol has nothing better."""
    if request.schema_ is None:
        return request.tools
    words = "Gives the answer. Always answer by calling this tool, once."
    return (*request.tools, Tool(name=request.schema_name, description=words, schema_=request.schema_))


def is_forcing(request: ModelRequest) -> bool:
    """Whether the model is not free to answer in words."""
    return request.schema_ is not None or request.tool_choice.mode in ("any", "one")
