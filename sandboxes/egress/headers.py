"""Headers on their way out and in. What belongs to one connection stays there."""

import base64
from collections.abc import Iterable, Sequence

from contracts.policy import Allow
from sandboxes.egress import words

Headers = list[tuple[bytes, bytes]]
HOP_BY_HOP = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
        *(b"te", b"trailer", b"transfer-encoding", b"upgrade", b"http2-settings"),
    )
)
INDEX = b"application/vnd.pypi.simple"


def values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key.lower() == name]


def end_to_end(headers: Sequence[tuple[bytes, bytes]]) -> Headers:
    """Without those of the connection, and those that it names its own."""
    named = {part.strip().lower() for value in values(headers, b"connection") for part in value.split(b",")}
    dropped = HOP_BY_HOP | named - {b"host", b"authorization", b"content-length"}
    return [(key.lower(), value) for key, value in headers if key.lower() not in dropped]


def is_chunked(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether the request's body is in chunks. Raises Denied where its length is said in two ways."""
    chunked = bool(values(headers, b"transfer-encoding"))
    if chunked and values(headers, b"content-length"):
        raise words.malformed("it says the length of its body in two ways")
    return chunked


def outgoing(headers: Sequence[tuple[bytes, bytes]], entry: Allow, secret: str) -> Headers:
    """The request's headers as the host gets them: Host is the entry's, the credential is put in."""
    dropped = {b"host", b"expect"} | ({entry.header.lower().encode()} if secret else set())
    if secret or asks_index(headers):
        dropped.add(b"accept-encoding")  # so that what comes back can be looked at
    kept = [(key, value) for key, value in end_to_end(headers) if key not in dropped]
    usual = {"https": 443, "http": 80}[entry.scheme]
    kept.insert(0, (b"host", (entry.host if entry.port == usual else f"{entry.host}:{entry.port}").encode()))
    if secret:
        kept.append((entry.header.encode(), credential(entry, secret).encode()))
    if is_chunked(headers):
        kept.append((b"transfer-encoding", b"chunked"))
    return kept


def asks_index(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether pip or uv asks a package index for its links."""
    return any(INDEX in value for value in values(headers, b"accept"))


def credential(entry: Allow, secret: str) -> str:
    """What the header says."""
    if entry.user:
        return "Basic " + base64.b64encode(f"{entry.user}:{secret}".encode()).decode()
    return entry.template.replace("{}", secret)


def secret_words(entry: Allow, secret: str) -> list[bytes]:
    """The secret in the forms in which a host could give it back."""
    if not secret:
        return []
    said = credential(entry, secret).split(" ")[-1]
    return [each.encode() for each in {secret, said, base64.b64encode(secret.encode()).decode()}]


def incoming(
    headers: Sequence[tuple[bytes, bytes]], entry: Allow, hidden: Sequence[bytes], plain: list[str]
) -> Headers:
    """The answer's headers as the sandbox gets them: a redirect to a host of the list leads back to the broker,
    where it is judged anew. Raises Denied for one that holds the credential."""
    kept: Headers = []
    for key, value in end_to_end(headers):
        if any(word in value for word in hidden):
            raise words.repeated(entry.host)
        kept.append((key, here(value, plain) if key in (b"location", b"content-location") else value))
    return kept


def here(url: bytes, plain: Iterable[str]) -> bytes:
    """A URL as the sandbox has to ask for it: the broker adds the TLS."""
    for place in plain:
        beginning = f"https://{place}".encode()
        if url == beginning or url.startswith(beginning + b"/"):
            return b"http" + url[5:]
    return url


def plain_places(entries: Iterable[Allow]) -> list[str]:
    """Host (and port) of what is reached over TLS by plain requests, as it stands in URLs."""
    chosen = [each for each in entries if not each.tunnel and each.scheme == "https"]
    return [each.host if each.port == 443 else f"{each.host}:{each.port}" for each in chosen]
