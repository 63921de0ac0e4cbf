"""Who may use the service: the API token that it was given, and the tokens that it gives for it.

Tokens that are given out carry their own end, signed with a key that is kept, so that they hold across a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from functools import lru_cache
from typing import Any, Final

import jwt
from attrs import field, frozen

from ibm_circuit_job.local.records import Records

_ALGORITHM: Final = "HS256"


@frozen
class Access:
    """The keys of a service."""

    token: str = field(repr=False)
    """The API token that clients must have."""
    key: str = field(repr=False)
    """What is signed is signed with it."""
    seconds: int = 3600
    """How long a token of the ``platform`` dialect holds."""

    @classmethod
    def kept_in(cls, records: Records, token: str | None, seconds: int = 3600) -> Access:
        """Return the keys that are kept with the jobs, made when they are first asked for.

        Args:
            records: Where they are kept.
            token: The API token from now on; the one that is kept by default.
            seconds: How long a token of the ``platform`` dialect holds.
        """
        if token is not None and token != records.setting("token", token):
            # The old one is refused from now on, with all that was given for it.
            records.keep_setting("token", token)
            records.keep_setting("key", secrets.token_hex(32))
        kept = records.setting("token", secrets.token_urlsafe(24))
        return cls(kept, records.setting("key", secrets.token_hex(32)), seconds)

    def is_token(self, given: str) -> bool:
        """Return whether it is the API token."""
        return hmac.compare_digest(given.encode(), self.token.encode())

    def issue(self, kind: str, seconds: int) -> str:
        """Return a token that holds for so many seconds."""
        now = int(time.time())
        claims = {"sub": "local", "kind": kind, "iat": now, "exp": now + seconds, "jti": secrets.token_hex(8)}
        return jwt.encode(claims, self.key, _ALGORITHM)

    def is_issued(self, kind: str, given: str) -> bool:
        """Return whether a token was issued here, and still holds."""
        try:
            issued, until = _signed(given, self.key)
        except jwt.InvalidTokenError:
            return False
        return issued == kind and time.time() < until

    def signature(self, name: str) -> str:
        """Return what stands in a URL that wants no token."""
        return hmac.new(self.key.encode(), name.encode(), hashlib.sha256).hexdigest()

    def is_signed(self, name: str, given: str) -> bool:
        """Return whether a signature is that of a name."""
        return hmac.compare_digest(given.encode(), self.signature(name).encode())


@lru_cache(maxsize=1000)
def _signed(given: str, key: str) -> tuple[Any, float]:
    """The kind of a token and when it ends, in seconds since 1970; each is verified once.

    Raises:
        jwt.InvalidTokenError: If it was not signed with this key, or has ended.
    """
    claims = jwt.decode(given, key, [_ALGORITHM], options={"require": ["exp"]})
    return claims.get("kind"), float(claims["exp"])
