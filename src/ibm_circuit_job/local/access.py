"""Who may use the service: clients with its API token, or with an access token that the service issued for it.

An access token contains the time at which it ends, and is signed with a key that is saved with the jobs. So it is
valid after a restart of the service, too.
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
    """The API token of a service, and the key with which it signs access tokens and URLs."""

    token: str = field(repr=False)
    """The API token that clients must have."""
    key: str = field(repr=False)
    """The key of signatures."""
    seconds: int = 3600
    """Seconds for which an access token of IBM Quantum Platform is valid."""

    @classmethod
    def load(cls, records: Records, token: str | None, seconds: int = 3600) -> Access:
        """Return the token and the key that are saved with the jobs; the first call makes and saves random ones.

        Args:
            records: The records of the service.
            token: A new API token, which is saved; ``None`` for the one that is saved.
            seconds: Seconds for which an access token of IBM Quantum Platform is valid.

        Raises:
            NotWritten: If they cannot be saved.
        """
        if token is not None and token != records.setting("token", token):
            # With a new key, all access tokens that were issued for the old API token are refused.
            records.save_setting("token", token)
            records.save_setting("key", secrets.token_hex(32))
        saved = records.setting("token", secrets.token_urlsafe(24))
        return cls(saved, records.setting("key", secrets.token_hex(32)), seconds)

    def is_token(self, given: str) -> bool:
        """Return whether a text is the API token."""
        return hmac.compare_digest(given.encode(), self.token.encode())

    def issue(self, kind: str, seconds: int) -> str:
        """Return a new access token of a kind, ``"iam"`` or ``"login"``, that is valid for *seconds*."""
        now = int(time.time())
        claims = {"sub": "local", "kind": kind, "iat": now, "exp": now + seconds, "jti": secrets.token_hex(8)}
        return jwt.encode(claims, self.key, _ALGORITHM)

    def is_issued(self, kind: str, given: str) -> bool:
        """Return whether a text is an access token of this kind that was issued here and is still valid."""
        try:
            issued, until = _signed(given, self.key)
        except jwt.InvalidTokenError:
            return False
        return issued == kind and time.time() < until

    def signature(self, name: str) -> str:
        """Return the signature of a name, which a URL contains instead of a token."""
        return hmac.new(self.key.encode(), name.encode(), hashlib.sha256).hexdigest()

    def is_signed(self, name: str, given: str) -> bool:
        """Return whether *given* is the signature of a name."""
        return hmac.compare_digest(given.encode(), self.signature(name).encode())


@lru_cache(maxsize=1000)
def _signed(given: str, key: str) -> tuple[Any, float]:
    """Return the kind of an access token and when it ends, in seconds since 1970. Verified tokens are cached.

    Raises:
        jwt.InvalidTokenError: If the token was not signed with this key, or has ended.
    """
    claims = jwt.decode(given, key, [_ALGORITHM], options={"require": ["exp"]})
    return claims.get("kind"), float(claims["exp"])
