"""What a cloud is made of, set-up by set-up: accounts, their keys and instances, and what goes wrong. No I/O.

The keys, tokens and passwords here are the only secrets that any set-up has; :func:`secrets_in` finds them.
"""

import base64
import json
import uuid

from attrs import Factory, field, frozen

KEY = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-witness"
"""An API key of 44 characters, as IAM makes them."""
OTHER_KEY = "ZyXwVuTsRqPoNmLkJiHgFeDcBa9876543210-witness"
"""The key of another account."""
UNKNOWN_KEY = "0000000000000000000000000000000000000unknown"
"""A key that no account has."""
CLASSIC_TOKEN = "0123456789abcdef" * 8
"""A token of IBM Quantum Platform Classic: 128 hexadecimal digits."""
PROXY_PASSWORD = "proxy-pass-4711"
PROXY_LOGIN = base64.b64encode(f"user:{PROXY_PASSWORD}".encode()).decode()
"""How a request proves to the proxy who it is from."""

SECRETS = (KEY, OTHER_KEY, UNKNOWN_KEY, CLASSIC_TOKEN, PROXY_PASSWORD)
BACKEND = "ibm_contract"
"""The backend that every instance has."""

PRICING = {
    "Open": "free",
    "Trial": "trial",
    "Pay-As-You-Go": "paygo",
    "Flex": "subscription",
    "Premium": "paid",
    "On-Prem": "paid",
}
"""Plan -> the type of its price, as the catalogue names them."""


ACCOUNT = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
"""The account that is meant."""


@frozen
class CloudInstance:
    """A service instance of an account."""

    name: str
    plan: str = "Open"
    region: str = "us-east"
    tags: tuple = ()
    account: str = ACCOUNT
    is_allocated: bool = True
    """Whether it may use backends."""
    is_in_catalogue: bool = True
    """Whether the catalogue tells what plan it has; it answers 403 for plans that are not sold any more."""

    @property
    def crn(self):
        guid = uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.name}.{self.region}.{self.plan}.{self.account}")
        return f"crn:v1:bluemix:public:quantum-computing:{self.region}:a/{self.account}:{guid}::"

    @property
    def plan_id(self):
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, self.plan if self.is_in_catalogue else f"archived {self.plan}"))


@frozen
class CloudAccount:
    """An account: who has its key may use its instances."""

    key: str = KEY
    instances: tuple = ()
    key_is_disabled: bool = False
    number: str = ACCOUNT

    @property
    def token(self):
        """The token of IAM for the key: a JWT, whose times the official client reads."""
        claims = {
            "iam_id": "IBMid-witness",
            "account": {"valid": True, "bss": self.number},
            "iat": 1_767_225_600,
            "exp": 4_102_444_800,
        }
        parts = [{"alg": "RS256", "kid": "witness"}, claims]
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join((*encoded, "c2lnbmF0dXJl"))


@frozen
class Cloud:
    """The state of the cloud, and of the way to it."""

    accounts: tuple = (CloudAccount(instances=(CloudInstance("open-1"),)),)
    faults: dict = field(factory=dict)
    """Host -> what is wrong with it; see :data:`FAULTS`."""
    checks_owner: bool = True
    """Whether the API refuses an instance of another account than the key's."""
    most_items: int = 100
    """How many items the search has on a page at most."""
    proxy: str = "open"
    """What the proxy does: ``open`` passes all on, ``login`` and ``ntlm`` demand a password, ``closed`` answers 403."""
    network: str = "direct"
    """``direct``: names lead to their hosts; ``proxy``: only the proxy's name is known; ``none``: no name is."""
    names_unknown: tuple = Factory(lambda: CLASSIC_HOSTS)
    """Hosts whose names no name server knows."""

    def account_of(self, credential):
        """The account that a key or a token is of; ``None`` where it is of none."""
        return next((each for each in self.accounts if credential in {each.key, each.token}), None)


CLASSIC_HOSTS = (
    "auth.quantum-computing.ibm.com",
    "auth.quantum.ibm.com",
    "api.quantum-computing.ibm.com",
    "api.quantum.ibm.com",
)
"""Hosts of IBM Quantum Platform Classic, which was switched off in July 2025."""

FAULTS = {
    "portal": "a page of HTML with status 200, as a captive portal answers",
    "moved": "302 to another host, as a captive portal answers",
    "untrusted": "a certificate of an authority that is not trusted, as of a proxy that reads along",
    "other name": "a certificate for another host",
    "busy": "503 to everything",
    "limited": "429 to everything, with Retry-After",
    "hangs up": "the connection ends before anything was said",
    "forbidden": "403, without a body that says more",
}


def secrets_in(text, cloud=None):
    """The secrets that a text holds."""
    tokens = [account.token for account in cloud.accounts] if cloud else []
    return sorted({secret for secret in (*SECRETS, PROXY_LOGIN, *tokens) if secret in text})
