"""An upper bound of what a request sends."""

import json

from contracts.models import ModelRequest

PER_MESSAGE = 32  # bytes of role and separators, generously


def prompt_bytes(request: ModelRequest) -> int:
    """Bytes of everything in the prompt. Tokenizers never make more tokens than there are bytes."""
    texts = [request.system, *(message.text for message in request.messages)]
    schema = json.dumps(request.schema_) if request.schema_ is not None else ""
    # The schema counts twice: a server without structured output gets it in the prompt as well.
    return sum(len(text.encode()) + PER_MESSAGE for text in texts) + 2 * len(schema.encode())
