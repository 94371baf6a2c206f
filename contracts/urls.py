"""URLs as people and repositories write them: any text at all."""

from urllib.parse import SplitResult, urlsplit


def split(url: str) -> SplitResult | None:
    """The URL's parts; None where it can't be read, such as `https://[` or a port that is no number."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # is only read when asked for
    except ValueError:
        return None
    return parts


def carries_secret(url: str) -> bool:
    """Whether a password or token stands in the URL: it would end up in histories and logs."""
    if "://" not in url:
        return False
    parts = split(url)
    if parts is None:
        return "@" in url
    return parts.password is not None or (parts.scheme in ("http", "https") and parts.username is not None)
