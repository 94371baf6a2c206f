"""Amazon Bedrock's ConverseStream through boto3.

The client is a blocking one, so calls run in threads of their own, of which there is a fixed number. Events come
back to the loop one by one. Whoever is cancelled lets go at once; the thread then shuts the connection, so the
provider stops as well.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from activities.models.bedrock_wire import add, parameters, takes_cache_points
from activities.models.client import ModelClient
from activities.models.errors import translate
from activities.models.gathered import Gathered
from activities.models.prices import Tariff
from activities.models.protocol import Progress
from activities.models.service import Service
from activities.models.wire import is_forcing
from contracts.models import ModelRequest, Stop

DEFAULT_MODEL = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
DEFAULT_LARGE = "global.anthropic.claude-sonnet-5-v1:0"
TARIFF = Tariff(provider="aws")
AT_ONCE = 32  # threads, and so calls in flight; more of them wait for one that ends

Events = asyncio.Queue[dict[str, Any] | Exception | None]


class Bedrock(ModelClient):
    """A model on Amazon Bedrock."""

    provider = "bedrock"
    stops: ClassVar[dict[str, Stop]] = {
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "guardrail_intervened": "content_filter",
        "content_filtered": "content_filter",
        "refusal": "refusal",
        "tool_use": "tool",
        "malformed_tool_use": "tool",
    }

    def __init__(self, service: Service, session: boto3.Session) -> None:
        super().__init__(service)
        self.cached = takes_cache_points(service.model)
        self.forced = True  # until the model says that it can't be
        self.threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="bedrock")
        wait = service.timeouts
        self.client = session.client(
            "bedrock-runtime",
            endpoint_url=service.base_url or None,
            config=Config(
                connect_timeout=wait.connect,
                read_timeout=wait.silence,
                retries={"total_max_attempts": 1},
                max_pool_connections=AT_ONCE,
                tcp_keepalive=True,
            ),
        )
        self.service = replace(service, base_url=str(self.client.meta.endpoint_url))

    async def stream(self, request: ModelRequest, reply: Gathered, on_progress: Progress | None) -> None:
        while True:
            try:
                return await self._once(request, reply, on_progress)
            except ClientError as error:
                if reply.began or not self._does_without(error, request):
                    raise

    def _does_without(self, error: ClientError, request: ModelRequest) -> bool:
        """Whether to ask again without what this model lacks, now and from now on. A refused request costs nothing."""
        said = error.response.get("Error", {})
        words = str(said.get("Message", "")).lower().replace("_", "")
        if said.get("Code") not in ("ValidationException", "AccessDeniedException"):
            return False
        if self.cached and "cach" in words:
            self.cached = False
            return True
        if self.forced and is_forcing(request) and "toolchoice" in words:
            self.forced = False
            return True
        return False

    async def _once(self, request: ModelRequest, reply: Gathered, on_progress: Progress | None) -> None:
        loop, events = asyncio.get_running_loop(), Events()
        call = Call(self.client, parameters(self.model, request, cached=self.cached, forced=self.forced))

        def tell(event: dict[str, Any] | Exception | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(events.put_nowait, event)

        self.threads.submit(call.run, tell)
        try:
            while (event := await events.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                add(reply, event)
                if on_progress is not None:
                    on_progress(reply.characters)
        finally:
            call.abandon()


class Call:
    """One call in its thread. `abandon` may come at any moment, from the loop."""

    def __init__(self, client: Any, parameters: Mapping[str, Any]) -> None:
        self.client = client
        self.parameters = parameters
        self.lock = threading.Lock()
        self.stream: Any = None
        self.abandoned = False

    def run(self, tell: Callable[[dict[str, Any] | Exception | None], None]) -> None:
        """Make the call and tell its events, then None; or the error."""
        try:
            if not self.abandoned and self._opened():
                for event in self.stream:
                    tell(event)
            tell(None)
        except Exception as error:
            tell(error)
        finally:
            if self.stream is not None:
                self.stream.close()

    def _opened(self) -> bool:
        stream = self.client.converse_stream(**self.parameters)["stream"]
        with self.lock:
            self.stream = stream
            return not self.abandoned

    def abandon(self) -> None:
        """Stop reading: the thread wakes up, and closes the connection. Nothing where it has ended already."""
        with self.lock:
            self.abandoned = True
            # Closing a socket that another thread reads from does not wake that thread; shutting it does.
            with contextlib.suppress(AttributeError, ValueError, RuntimeError, OSError):
                self.stream._raw_stream.shutdown()


def connect(service: Service, settings: Mapping[str, str]) -> Bedrock:
    """With the credentials that AWS's own tools would use here: variables, profile, web identity, instance role.

    Those that `settings` has are taken from there. ModelMisconfigured where AWS's settings contradict each other.
    """
    # At DEBUG botocore logs whole requests, with the bearer token in their headers.
    logging.getLogger("botocore").setLevel(logging.INFO)
    try:
        return Bedrock(service, session(settings))
    except BotoCoreError as error:
        raise translate(error, service, began=False) from None


def session(settings: Mapping[str, str]) -> boto3.Session:
    region = settings.get("AWS_REGION") or settings.get("AWS_DEFAULT_REGION")
    if profile := settings.get("AWS_PROFILE"):
        return boto3.Session(profile_name=profile, region_name=region)
    return boto3.Session(
        aws_access_key_id=settings.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=settings.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=settings.get("AWS_SESSION_TOKEN"),
        region_name=region,
    )
