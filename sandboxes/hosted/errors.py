"""The vendor's errors in our words, once, here: what happened, whether a retry can help, which setting to fix."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from contracts.errors import CountersignError, DiskFull, SandboxBusy, SandboxFailed, SandboxUnavailable
from sandboxes.hosted.options import KEY, URL

LONGEST = 300
FULL = ("No space left on device", "no space left on device", "Disk quota exceeded", "disk quota exceeded")
CONSOLE = "the organisation's limits are in Daytona's dashboard"


@contextmanager
def named(subject: str, key: str) -> Iterator[None]:
    """Around each call of the SDK's. The key is taken out of whatever the other side said."""
    import aiohttp
    import httpx
    from daytona import DaytonaError

    try:
        yield
    except (CountersignError, asyncio.CancelledError):
        raise
    except DaytonaError as error:
        # Without the cause: a request with its headers hangs on it.
        raise translated(error, subject, _words(error, key)) from None
    except (aiohttp.ClientError, httpx.HTTPError, OSError, ValueError) as error:  # while an answer was being read
        raise _broken(subject, _words(error, key)) from None


def translated(error: Any, subject: str, words: str) -> CountersignError:
    """By HTTP status; without one, by what the SDK says it waited for."""
    status = error.status_code
    if any(each in words for each in FULL):
        return DiskFull(f"The sandbox has no room: {words}", subject=subject, way_out="Raise the policy's disk_bytes.")
    if status is None:
        return _without_status(error, subject, words)
    if status == 401:
        return _unavailable(f"Daytona refused the key: {words}", subject, f"Set {KEY} to one that is valid.")
    if status in (402, 403):
        way_out = f"Check what the key in {KEY} may do; {CONSOLE}."
        return _unavailable(f"Daytona does not allow it: {words}", subject, way_out)
    if status == 429:
        way_out = f"It is tried again later; {CONSOLE}."
        return SandboxBusy(
            f"Daytona asks to slow down: {words}", subject=subject, way_out=way_out, retry_after=_pause(error.headers)
        )
    if status in (404, 410):
        return SandboxFailed(f"Daytona no longer has it: {words}", subject=subject, way_out="A new one may work.")
    if status in (400, 413, 422):
        return _unavailable(f"Daytona can't do what was asked: {words}", subject, "Change the policy or its image.")
    return SandboxFailed(f"Daytona failed ({status}): {words}", subject=subject)


def _without_status(error: Any, subject: str, words: str) -> CountersignError:
    from daytona.common.errors import DaytonaConnectionError

    if "build_failed" in words or "error state" in words:
        return _unavailable(f"Daytona could not make the sandbox: {words}", subject, "Check the policy's image.")
    if isinstance(error, DaytonaConnectionError):
        way_out = f"Check {URL} and the way there (a proxy, a firewall)."
        return SandboxFailed(f"Daytona can't be reached: {words}", subject=subject, way_out=way_out)
    return _broken(subject, words)


def _broken(subject: str, words: str) -> SandboxFailed:
    return SandboxFailed(f"Talking to Daytona broke off: {words}", subject=subject)


def _unavailable(what: str, subject: str, way_out: str) -> SandboxUnavailable:
    return SandboxUnavailable(what, subject=subject, way_out=way_out)


def _words(error: Exception, key: str) -> str:
    text = " ".join((str(error) or type(error).__name__).split())
    return (text.replace(key, "(the key)") if key else text)[:LONGEST]


def _pause(headers: Mapping[str, Any]) -> float | None:
    for name, value in headers.items():
        if name.lower() == "retry-after" and str(value).isdigit():
            return float(value)
    return None
