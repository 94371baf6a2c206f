"""The one way to a Temporal client: pydantic payloads, large bodies kept outside history."""

import asyncio
import dataclasses
import re
import time
from collections.abc import Awaitable, Callable, Sequence

from temporalio.client import Client, Plugin
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, ExternalStorage
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import GrpcCompression, RPCError

from contracts.errors import BadInput, TemporalUnavailable
from ledger import ArtifactStore
from workers.settings import Settings
from workers.storage import ArtifactDriver

# Above this a payload goes to the artifact store. Far below Temporal's own limit of 2 MB, and low enough that a
# history of a few hundred steps stays small.
LARGE = 32 * 1024


def converter(artifacts: ArtifactStore) -> DataConverter:
    """Pydantic both ways; payloads over 32 KiB by reference."""
    return dataclasses.replace(
        pydantic_data_converter,
        external_storage=ExternalStorage(drivers=[ArtifactDriver(artifacts)], payload_size_threshold=LARGE),
    )


async def connect(
    settings: Settings,
    artifacts: ArtifactStore,
    *,
    patience: float = 10,
    runtime: Runtime | None = None,
    plugins: Sequence[Plugin] = (),
) -> Client:
    """A client, once the server answers. TemporalUnavailable when it doesn't within `patience` seconds.

    `plugins` are its workers', too.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return await Client.connect(
                settings.address,
                namespace=settings.namespace,
                data_converter=converter(artifacts),
                # On one host compression costs more than it saves (docs/performance.md).
                grpc_compression=GrpcCompression.NONE,
                api_key=settings.temporal_api_key or None,
                runtime=runtime,
                plugins=plugins,
                tls=settings.temporal_tls or bool(settings.temporal_api_key),
            )
        except ValueError as error:
            raise BadInput(
                f"{settings.address!r} is not the address of a Temporal server: {in_words(error)}.",
                subject=settings.address,
                way_out="TEMPORAL_ADDRESS is host:port, such as 127.0.0.1:7233.",
            ) from error
        except (RPCError, RuntimeError) as error:
            if time.monotonic() > deadline:
                raise TemporalUnavailable(
                    f"No Temporal server answers at {settings.address}: {in_words(error)}.",
                    subject=settings.address,
                    way_out="Start it with `countersign up`, or set TEMPORAL_ADDRESS to a running one.",
                ) from error
            await asyncio.sleep(0.2)


def kept(settings: Settings, artifacts: ArtifactStore) -> Callable[[], Awaitable[Client]]:
    """What gives a server's requests the one client that they share, made when the first asks for it."""
    lock, known = asyncio.Lock(), list[Client]()

    async def client() -> Client:
        async with lock:
            if not known:
                known.append(await connect(settings, artifacts, patience=2))
            return known[0]

    return client


def measured(settings: Settings) -> Runtime | None:
    """The SDK's core with its own metrics served where the settings say. BadInput for a place that is taken."""
    if not settings.sdk_metrics:
        return None
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=PrometheusConfig(bind_address=settings.sdk_metrics)))
    except (ValueError, RuntimeError) as error:
        raise BadInput(
            f"The SDK's metrics can't be served at {settings.sdk_metrics}: {first_line(error)}.",
            subject="COUNTERSIGN_SDK_METRICS",
            way_out="Give each worker a host:port of its own that is free, such as 127.0.0.1:9465.",
        ) from error


def in_words(error: BaseException) -> str:
    """Why no connection came about: the operating system's own words, where the SDK's error holds them."""
    said = first_line(error)
    found = re.search(r'message: "([^"]+)"', said)
    return found.group(1).lower() if found else said.rstrip(".")


def first_line(error: BaseException) -> str:
    """An error's first line: enough for a person."""
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
