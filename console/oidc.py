"""OpenID Connect: who somebody is, by what their organisation's provider says over its own connection.

The authorization code flow with PKCE, state and nonce, all three made from one secret that the browser keeps in a
cookie for the ten minutes that it takes: nothing is stored here, and an answer fits only the browser that asked. The
provider's signing keys are fetched for each sign-in, so a key that it took away signs nothing a moment later.

Protocol and proof of the token are Authlib's and joserfc's; what is allowed is ours.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from contracts.errors import BadInput, CountersignError, SignInRefused
from contracts.identity import RoleMap

if TYPE_CHECKING:  # imported where it is used: most consoles have no provider, and it takes a third of a second
    from authlib.integrations.httpx_client import AsyncOAuth2Client

SECONDS: Final = 10.0
LEEWAY: Final = 60  # seconds between the provider's clock and ours
LONGEST: Final = 200_000  # bytes of an answer
# What is signed with a key of the provider's alone. HS256 is signed with our secret, and `none` with nothing.
SIGNED_BY: Final = frozenset(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)) | {"EdDSA"}
LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}


class ProviderUnavailable(CountersignError):
    """The organisation's sign-in did not answer, or not as OpenID Connect says it should."""

    status = 503


@dataclass(frozen=True)
class Provider:
    """An organisation's sign-in. `secret` is the client's; empty for a public client.

    `console`: where people reach the console. A session lasts for `seconds`, and `idle` after what was last done in it;
    what the provider said of somebody holds for `seconds`.
    """

    issuer: str
    client_id: str
    roles: RoleMap
    console: str
    secret: str = ""
    seconds: int = 8 * 3600
    idle: int = 3600

    def __post_init__(self) -> None:
        if not _is_safe(self.issuer):
            raise BadInput(
                f"The issuer has to be an https URL, and is {self.issuer!r}.",
                subject="COUNTERSIGN_OIDC_ISSUER",
                way_out="http is taken on this host only, for trying it out.",
            )

    @property
    def returns_to(self) -> str:
        """The one URL that the provider may send people back to, character for character."""
        return f"{self.console.rstrip('/')}/oidc/return"

    def __repr__(self) -> str:
        return f"Provider({self.issuer!r})"

    @property
    def name(self) -> str:
        return urlsplit(self.issuer).netloc

    async def begin(self, kept: str) -> str:
        """Where to send the browser that keeps the secret `kept`. Raises ProviderUnavailable."""
        async with self._client() as client:
            about = await self._about(client)
            url, _ = client.create_authorization_url(
                about["authorization_endpoint"],
                state=derived(kept, "state"),
                nonce=derived(kept, "nonce"),
                code_verifier=derived(kept, "verifier"),
            )
        return str(url)

    async def claims(self, kept: str, answer: Mapping[str, str]) -> dict[str, Any]:
        """What the provider says of whoever comes back with `answer`, the query of the URL they were sent to.

        Raises SignInRefused for an answer that doesn't hold, ProviderUnavailable.
        """
        _require_own(kept, answer)
        if "error" in answer:
            said = answer.get("error_description") or answer["error"]
            raise SignInRefused(f"The provider did not let you in: {said[:200]}", way_out="Sign in again.")
        async with self._client() as client:
            about = await self._about(client)
            self._require_issuer(about, answer)
            token = await self._token(client, about, kept, answer)
            claims = await self._proved(client, about, kept, token)
            return claims | await self._more(client, about, token, claims)

    async def leave_url(self) -> str:
        """Where to sign out of the provider, too; empty where it can't be done."""
        try:
            async with self._client() as client:
                about = await self._about(client)
        except ProviderUnavailable:
            return ""
        where, back = about.get("end_session_endpoint"), f"{self.console.rstrip('/')}/enter"
        query = urlencode({"client_id": self.client_id, "post_logout_redirect_uri": back})
        return f"{where}?{query}" if isinstance(where, str) and _is_safe(where) else ""

    def _client(self) -> "AsyncOAuth2Client":
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        return AsyncOAuth2Client(
            client_id=self.client_id,
            client_secret=self.secret or None,
            token_endpoint_auth_method="client_secret_basic" if self.secret else "none",
            scope=self.roles.scopes,
            redirect_uri=self.returns_to,
            code_challenge_method="S256",
            timeout=SECONDS,
            follow_redirects=False,
        )

    async def _about(self, client: "AsyncOAuth2Client") -> dict[str, Any]:
        about = await _asked(client, f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if about.get("issuer") != self.issuer:
            raise ProviderUnavailable(
                f"{self.issuer} says that it is {about.get('issuer')!r}.",
                subject=self.issuer,
                way_out="COUNTERSIGN_OIDC_ISSUER has to be the very issuer, with its slash at the end if it has one.",
            )
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not _is_safe(about.get(name)):
                raise _unavailable(self.issuer, f"its {name} is no https URL")
        return about

    def _require_issuer(self, about: Mapping[str, Any], answer: Mapping[str, str]) -> None:
        """RFC 9207: an answer of another provider is not taken to this one."""
        says_so = about.get("authorization_response_iss_parameter_supported") is True
        if answer.get("iss", "" if says_so else self.issuer) != self.issuer:
            raise SignInRefused("The answer is not of this organisation's provider.", way_out="Sign in again.")

    async def _token(
        self, client: "AsyncOAuth2Client", about: Mapping[str, Any], kept: str, answer: Mapping[str, str]
    ) -> dict[str, Any]:
        from authlib.integrations.base_client import OAuthError
        from httpx2 import HTTPError

        ways = about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if self.secret and "client_secret_basic" not in ways:
            client.token_endpoint_auth_method = "client_secret_post"  # noqa: S105
        try:
            token = await client.fetch_token(
                about["token_endpoint"], code=answer.get("code", ""), code_verifier=derived(kept, "verifier")
            )
        except OAuthError as error:
            said = str(error.description or error.error)[:200]
            raise SignInRefused(f"The provider did not confirm it: {said}", way_out="Sign in again.") from error
        except (HTTPError, ValueError) as error:
            raise _unavailable(about["token_endpoint"], error) from error
        return dict(token)

    async def _proved(
        self, client: "AsyncOAuth2Client", about: Mapping[str, Any], kept: str, token: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The claims of the ID token, once everything about it holds."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet
        from joserfc.jws import JWSRegistry

        offered = about.get("id_token_signing_alg_values_supported") or ["RS256"]
        try:
            keys = KeySet.import_key_set(await _asked(client, about["jwks_uri"]))  # type: ignore[arg-type]
            registry = JWSRegistry(algorithms=sorted(SIGNED_BY.intersection(offered)), strict_check_header=False)
            read = jwt.decode(str(token.get("id_token", "")), key=keys, registry=registry)
            meant = {"iss": self.issuer, "aud": self.client_id}
            wanted = {name: {"essential": True, "value": value} for name, value in meant.items()}
            known = {"nonce": derived(kept, "nonce"), "client_id": self.client_id}
            known["access_token"] = str(token.get("access_token", ""))
            claims = CodeIDToken(read.claims, read.header, wanted, known)
            claims.validate(leeway=LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise SignInRefused(
                f"The provider's token doesn't hold: {error}.", way_out="Sign in again; if it stays, its setup is off."
            ) from error
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise SignInRefused("The provider's token names nobody.")
        return dict(claims)

    async def _more(
        self,
        client: "AsyncOAuth2Client",
        about: Mapping[str, Any],
        token: Mapping[str, Any],
        claims: Mapping[str, Any],
    ) -> dict[str, Any]:
        """What the token leaves out and the provider tells who asks: the name, the groups."""
        where = about.get("userinfo_endpoint")
        if {self.roles.name_claim, self.roles.groups_claim} <= claims.keys() or where is None:
            return {}
        if not _is_safe(where):
            raise _unavailable(self.issuer, "its userinfo_endpoint is no https URL")
        more = await _asked(client, str(where), bearer=str(token.get("access_token", "")))
        if more.get("sub") != claims["sub"]:
            raise SignInRefused("The provider tells of somebody else than its token does.", way_out="Sign in again.")
        return {name: value for name, value in more.items() if name not in claims}


def derived(kept: str, use: str) -> str:
    """One of the three values that go out, from the secret that doesn't."""
    return hmac.new(kept.encode(), f"countersign/oidc/v1/{use}".encode(), hashlib.sha256).hexdigest()


def _require_own(kept: str, answer: Mapping[str, str]) -> None:
    given = answer.get("state", "")
    if not kept or not hmac.compare_digest(given.encode(), derived(kept, "state").encode()):
        raise SignInRefused(
            "This browser did not begin this sign-in, or too long ago.", way_out="Begin again on the sign-in page."
        )


async def _asked(client: "AsyncOAuth2Client", url: str, bearer: str = "") -> dict[str, Any]:
    from httpx2 import HTTPError

    headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
    try:
        answer = await client.request("GET", url, withhold_token=True, headers=headers, auth=None)
        answer.raise_for_status()
        told = answer.json() if len(answer.content) <= LONGEST else None
    except (HTTPError, ValueError) as error:
        raise _unavailable(url, error) from error
    if not isinstance(told, dict):
        raise _unavailable(url, "no object in JSON")
    return told


def _unavailable(url: str, why: object) -> ProviderUnavailable:
    return ProviderUnavailable(
        f"The organisation's sign-in did not answer at {url}: {why or type(why).__name__}",
        subject=url,
        way_out="Try again in a while. `countersign approve` in a terminal does not need it.",
    )


def _is_safe(url: object) -> bool:
    """https; or http on this host, for trying it out."""
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
