"""`python -m workers.devserver`: have a Temporal server on this host, fetched or built if need be. For setup."""

import asyncio
import sys

from contracts.errors import TemporalUnavailable
from workers.devserver import find
from workers.settings import Settings


def main() -> int:
    settings = Settings()
    if settings.temporal_address:
        print(f"TEMPORAL_ADDRESS is set: the server at {settings.temporal_address} is used.")
        return 0
    try:
        found = asyncio.run(find(settings.tools, lambda text: print(text, flush=True)))
    except TemporalUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. Nothing half-built was kept.", file=sys.stderr)
        return 130
    print(f"Temporal server {found.server}, {found.how}: {found.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
