"""An upper bound of what a request sends."""

import json

from contracts.models import ModelRequest

PER_MESSAGE = 64  # bytes of role, ids and separators, generously


def prompt_bytes(request: ModelRequest) -> int:
    """Bytes of everything in the prompt. Tokenizers never make more tokens than there are bytes."""
    turns = [part.model_dump_json() for message in request.messages for part in message.content()]
    tools = [json.dumps([tool.name, tool.description, tool.schema_]) for tool in request.tools]
    schema = json.dumps(request.schema_) if request.schema_ is not None else ""
    said = sum(len(text.encode()) + PER_MESSAGE for text in (request.system, *turns, *tools))
    # The schema counts twice: a server without structured output gets it in the prompt as well.
    return said + 2 * len(schema.encode())
