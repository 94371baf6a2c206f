"""Providers' errors, translated once into ours. What comes out says what to do and holds no key."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from activities.models.service import Service
from contracts.errors import (
    ContextOverflow,
    CountersignError,
    ModelBusy,
    ModelMisconfigured,
    ModelReplyUnusable,
)

BUSY_STATUS = {408, 409, 424, 425, 429, 500, 502, 503, 504, 529}
BUSY_KINDS = {
    *("overloaded_error", "rate_limit_error", "api_error", "timeout_error", "server_error", "rate_limit_exceeded"),
    *("throttlingexception", "modelnotreadyexception", "modeltimeoutexception", "modelerrorexception"),
    *("internalserverexception", "serviceunavailableexception", "modelstreamerrorexception"),
}
KEY_KINDS = {
    *("authentication_error", "permission_error", "invalid_api_key"),
    *("accessdeniedexception", "unrecognizedclientexception", "invalidsignatureexception", "expiredtokenexception"),
}
UNPAID_KINDS = {"insufficient_quota", "billing_error", "billing_hard_limit_reached"}
UNKNOWN_KINDS = {"not_found_error", "model_not_found", "resourcenotfoundexception"}
UNKNOWN_MODEL = ("model identifier is invalid", "on-demand throughput isn", "inference profile")
FILTERED_KINDS = {"content_filter", "content_policy_violation"}
FILTERED = ("blocked by content filtering policy", "content management policy")
TOO_LONG = (
    "prompt is too long",
    "context_length_exceeded",
    "maximum context length",
    "context window",
    "request_too_large",
    "exceeds the available context size",
    "input is too long",
    "too many input tokens",
    "exceed context limit",
)

# The clients moved from one HTTP library to another and wrap its errors only while connecting, so a broken
# stream is known by its class's ancestry, whichever library it comes from.
CONNECTION_CLASSES = {
    *("APIConnectionError", "TransportError", "ConnectionError", "TimeoutError"),
    *("HTTPClientError", "ProtocolError", "ReadTimeoutError", "ParserError"),  # of botocore and urllib3
}
# What botocore raises before anything is sent, when AWS's settings are missing or wrong.
UNSET_CLASSES = {
    *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "NoRegionError", "ProfileNotFound"),
    *("SSOError", "TokenRetrievalError", "NoAuthTokenError", "InvalidRegionError"),
}


@dataclass(frozen=True)
class Said:
    """What a provider's error carries, whichever client raised it. `status` 0: no HTTP status."""

    status: int
    kinds: frozenset[str]
    message: str
    headers: Mapping[str, str]


def translate(error: Exception, service: Service, *, began: bool) -> CountersignError:
    """Our error for a client's. `began`: some of the reply had arrived, so it may be charged."""
    if isinstance(error, CountersignError):
        return error
    if has_ancestor(error, CONNECTION_CLASSES):
        return cut(service, began)
    if has_ancestor(error, UNSET_CLASSES):
        return unset(service, error)
    said = read(error)
    if any(mark in said.message.lower() or mark in said.kinds for mark in TOO_LONG) or said.status == 413:
        return overflow(service, said)
    if said.kinds & UNPAID_KINDS or said.status == 402 or "credit balance is too low" in said.message.lower():
        return unpaid(service)
    if said.kinds & KEY_KINDS or said.status in (401, 403):
        return bad_key(service, said)
    if said.status == 404 or said.kinds & UNKNOWN_KINDS or any(mark in said.message for mark in UNKNOWN_MODEL):
        return no_model(service, said)
    if said.status in BUSY_STATUS or said.kinds & BUSY_KINDS:
        return busy(service, said, began)
    if 400 <= said.status < 500:
        return not_accepted(service, said)
    return unusable(service, said.message or f"{type(error).__name__}: {error}")


def has_ancestor(error: Exception, names: set[str]) -> bool:
    return any(ancestor.__name__ in names for ancestor in type(error).__mro__)


def is_filtered(error: Exception) -> bool:
    """Whether a content filter spoke by an error. That is a result, like a refusal."""
    if isinstance(error, CountersignError):
        return False
    said = read(error)
    return bool(said.kinds & FILTERED_KINDS) or any(mark in said.message.lower() for mark in FILTERED)


def read(error: Exception) -> Said:
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        return read_aws(response)
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, Mapping) else {}
    inner = inner if isinstance(inner, Mapping) else {}
    kinds = (inner.get("type"), inner.get("code"), getattr(error, "code", None))
    return Said(
        status=int(getattr(error, "status_code", 0) or 0),
        kinds=frozenset(str(kind).lower() for kind in kinds if kind),
        message=str(inner.get("message") or (body if isinstance(body, str) else "")),
        headers=getattr(response, "headers", {}) or {},
    )


def read_aws(response: Mapping[str, Any]) -> Said:
    """What botocore makes of an error: of an HTTP reply, or of an event in the middle of a stream."""
    inner, about = response.get("Error", {}), response.get("ResponseMetadata", {})
    return Said(
        status=int(about.get("HTTPStatusCode", 0) or 0),
        kinds=frozenset({str(inner.get("Code", "")).lower()}),
        message=str(inner.get("Message", "")),
        headers=about.get("HTTPHeaders", {}),
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` (seconds or a date)."""
    try:
        if (milliseconds := headers.get("retry-after-ms")) is not None:
            return max(0.0, float(milliseconds) / 1000)
        value = headers.get("retry-after")
        if value is None:
            return None
        if value.replace(".", "", 1).isdigit():
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def busy(service: Service, said: Said, began: bool) -> ModelBusy:
    limited = said.status == 429 or said.kinds & {"throttlingexception", "rate_limit_error", "rate_limit_exceeded"}
    what = "is rate-limiting this key" if limited else "is overloaded or failing"
    pause = retry_after(said.headers)
    when = f" It asks to wait {pause:g} s." if pause is not None else ""
    shown = f" (HTTP {said.status})" if said.status else ""
    return ModelBusy(
        f"{service.provider} {what}{shown}.{when}",
        subject=service.model,
        way_out="The step tries again by itself.",
        retry_after=pause,
        maybe_paid=began,
    )


def cut(service: Service, began: bool) -> ModelBusy:
    what = "broke off in the middle of a reply" if began else "could not be reached"
    return ModelBusy(
        f"{service.provider} at {service.place} {what}.",
        subject=service.place,
        way_out=f"The step tries again by itself. If it stays so, check the network and {service.url_setting}.",
        maybe_paid=began,
    )


def bad_key(service: Service, said: Said) -> ModelMisconfigured:
    # What the provider said is left out: it may repeat a part of the key.
    return ModelMisconfigured(
        f"{service.provider} does not accept the key (HTTP {said.status or 401}).",
        subject=service.key_setting,
        way_out=f"Set {service.key_setting} to a key that may use the model {service.model!r}.",
    )


def unset(service: Service, error: Exception) -> ModelMisconfigured:
    return ModelMisconfigured(
        f"{service.provider} can't be asked: {service.quote(str(error))}",
        subject=service.key_setting,
        way_out=f"Set {service.key_setting}, or AWS_PROFILE, and AWS_REGION.",
    )


def no_model(service: Service, said: Said) -> ModelMisconfigured:
    told = f": {service.quote(said.message)}" if said.status == 400 else ""
    return ModelMisconfigured(
        f"{service.provider} at {service.place} has no model {service.model!r}{told}.",
        subject=service.model_setting,
        way_out=f"Set {service.model_setting} to a model that the key may use, or correct {service.url_setting}.",
    )


def unpaid(service: Service) -> ModelMisconfigured:
    return ModelMisconfigured(
        f"{service.provider} refuses calls until the account of {service.key_setting} has credit.",
        subject=service.key_setting,
        way_out="Add credit to the account, or use another key.",
    )


def not_accepted(service: Service, said: Said) -> ModelMisconfigured:
    return ModelMisconfigured(
        f"{service.provider} does not accept the request (HTTP {said.status}): {service.quote(said.message)}",
        subject=service.model_setting,
        way_out=f"Set {service.model_setting} to a model that can do this; {service.model!r} may not.",
    )


def overflow(service: Service, said: Said) -> ContextOverflow:
    return ContextOverflow(
        f"The prompt is too long for {service.model!r}: {service.quote(said.message)}",
        subject=service.model,
        way_out=f"Use a shorter range, or set {service.model_setting} to a model with a larger context window.",
    )


def unusable(service: Service, why: str) -> ModelReplyUnusable:
    return ModelReplyUnusable(
        f"The reply of {service.model!r} cannot be used: {service.quote(why)}", subject=service.model
    )
