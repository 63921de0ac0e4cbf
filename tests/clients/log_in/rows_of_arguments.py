"""Set-ups in which the account is in the call: keys, CRNs and URLs as people paste them, and the instance meant."""

from cloud_state import CLASSIC_HOSTS, CLASSIC_TOKEN, KEY, OTHER_KEY, UNKNOWN_KEY, Cloud, CloudAccount, CloudInstance
from setups import CLASSIC, FILE, IAM, LoggedIn, Refused, Setup, saved

OPEN = CloudInstance("open-1")
OPEN_EU = CloudInstance("open-eu", region="eu-de")
PAYGO = CloudInstance("paygo-eu", plan="Pay-As-You-Go", region="eu-de", tags=("lab",))
PREMIUM = CloudInstance("premium-1", plan="Premium", tags=("project:x",))
FLEX = CloudInstance("flex-1", plan="Flex")
FOREIGN = CloudInstance("theirs", account="ffffffffffffffffffffffffffffffff")
NO_ALLOCATION = CloudInstance("idle-1", is_allocated=False)
ARCHIVED = CloudInstance("old-plan", plan="Premium", is_in_catalogue=False)


def cloud(*instances, **more):
    """A cloud with one account that has these instances, and another that has one."""
    accounts = (CloudAccount(KEY, instances), CloudAccount(OTHER_KEY, (FOREIGN,), number=FOREIGN.account))
    return Cloud(accounts, **more)


def called(
    name, expected, instances=(OPEN,), *, clouded=None, key_hosts=(IAM,), source=None, official=None, **arguments
):
    """A row in which the key is an argument."""
    return Setup(
        name,
        expected,
        {"token": KEY} | arguments,
        cloud=clouded or cloud(*instances),
        key_hosts=key_hosts,
        source=source,
        official=official,
    )


WITH_CRN = {"instance": OPEN.crn}
RUNTIME = "https://github.com/Qiskit/qiskit-ibm-runtime/issues/"
PLATFORM_URLS = {
    "of the host of 2023": "https://us-east.quantum-computing.cloud.ibm.com",
    "with a slash": "https://cloud.ibm.com/",
    "of the API's host": "https://quantum.cloud.ibm.com",
    "with /api": "https://quantum.cloud.ibm.com/api",
    "with /api/v1": "https://quantum.cloud.ibm.com/api/v1",
    "with /api/v1/": "https://quantum.cloud.ibm.com/api/v1/",
    "of a page of the web console": "https://quantum.cloud.ibm.com/instances",
    "of the console of IBM Cloud": "https://cloud.ibm.com/iam/apikeys",
    "of another region than the instance's": "https://eu-de.quantum.cloud.ibm.com",
    "with blanks and quotes": " 'https://cloud.ibm.com' ",
}
MANY = (*(CloudInstance(f"team-{number:03}", plan="Premium") for number in range(119)), PAYGO)
PAID_NAMESAKES = (CloudInstance("lab", "Premium"), CloudInstance("lab", "Premium", "eu-de"))

ROWS = (
    called("a key and a CRN", LoggedIn(OPEN.crn, 4), **WITH_CRN),
    called("a key alone", LoggedIn(OPEN.crn)),
    called("the channel of the platform", LoggedIn(OPEN.crn, 4), channel="ibm_quantum_platform", **WITH_CRN),
    called("the channel ibm_cloud", LoggedIn(OPEN.crn, 4), channel="ibm_cloud", **WITH_CRN),
    called("the archived channel, asked for", Refused((CLASSIC,)), channel="ibm_quantum", key_hosts=CLASSIC_HOSTS),
    called("a channel that there is not", Refused(("channel", "ibm_quantum_platform"), True), channel="ibm_q"),
    Setup("no account at all", Refused(("token|account", "save_account|login"), True)),
    called("an empty key", Refused(("token|key",), True), token=""),
    called(
        "a key that IAM does not know",
        Refused(("key", "could not be found")),
        token=UNKNOWN_KEY,
        source=f"{RUNTIME}2408",
    ),
    called(
        "a key that IAM does not know, with a CRN",
        Refused(("key", "could not be found")),
        token=UNKNOWN_KEY,
        source=f"{RUNTIME}2409",
        **WITH_CRN,
    ),
    called("a key that is disabled", Refused(("key", "disabled")), clouded=Cloud((CloudAccount(KEY, (OPEN,), True),))),
    called("a key with blanks and a line break", LoggedIn(OPEN.crn, 4), token=f"  {KEY}\n", **WITH_CRN),
    called("a key in quotes", LoggedIn(OPEN.crn, 4), token=f'"{KEY}"', **WITH_CRN),
    called("a key with blanks that a web page has", LoggedIn(OPEN.crn, 4), token=f"\u00a0{KEY}\u200b", **WITH_CRN),
    called("a key in typographic quotes", LoggedIn(OPEN.crn, 4), token=f"\u201c{KEY}\u201d", **WITH_CRN),
    called("a key that is None in words", Refused(("token|key",)), token="None"),
    called("a token of the archived platform", Refused((CLASSIC,), True), token=CLASSIC_TOKEN),
    called("a token of the archived platform, with a CRN", Refused((CLASSIC,), True), token=CLASSIC_TOKEN, **WITH_CRN),
    called("a CRN as the token", Refused(("token", "crn"), True), token=OPEN.crn),
    # Instances
    called("a CRN without its end", LoggedIn(OPEN.crn, 4), instance=OPEN.crn.rstrip(":")),
    called("a CRN with blanks and a line break", LoggedIn(OPEN.crn, 4), instance=f" {OPEN.crn}\n"),
    called(
        "a CRN that a terminal broke in two lines",
        LoggedIn(OPEN.crn, 4),
        instance=f"{OPEN.crn[:60]}\n{OPEN.crn[60:]}",
    ),
    called("a CRN in quotes", LoggedIn(OPEN.crn, 4), instance=f"'{OPEN.crn}'"),
    called("a CRN in eu-de", LoggedIn(PAYGO.crn, 4), (OPEN, PAYGO), instance=PAYGO.crn),
    called("a CRN of another account", Refused(("instance", "account")), instance=FOREIGN.crn, source=f"{RUNTIME}2408"),
    called(
        "a CRN of another account, which the API lets pass",
        Refused(("instance", "account")),
        clouded=cloud(OPEN, checks_owner=False),
        instance=FOREIGN.crn,
        source=f"{RUNTIME}2408",
    ),
    called("the key as the instance", Refused(("instance",)), instance=KEY),
    called("hub/group/project as the instance", Refused(("ibm-q/open/main", "classic")), instance="ibm-q/open/main"),
    called("an instance by its name", LoggedIn(OPEN.crn), (OPEN, PREMIUM), instance="open-1"),
    called("an instance by its name, in eu-de", LoggedIn(PAYGO.crn), (OPEN, PAYGO), instance="paygo-eu"),
    called("an instance by a name that there is not", Refused(("nope", "open-1")), instance="nope"),
    called("an instance by its name, on the last page", LoggedIn(PAYGO.crn, 8), MANY, instance="paygo-eu"),
    called("two of the name, in two regions", Refused(("lab", "us-east", "eu-de")), PAID_NAMESAKES, instance="lab"),
    called(
        "two of the name, and the region",
        LoggedIn(PAID_NAMESAKES[1].crn),
        PAID_NAMESAKES,
        instance="lab",
        region="eu-de",
    ),
    called("auto", LoggedIn(OPEN.crn, 8), (PREMIUM, OPEN), instance="auto"),
    called("a free one and a paid one", LoggedIn(OPEN.crn, 8), (PREMIUM, OPEN)),
    called("one paid one", LoggedIn(PREMIUM.crn), (PREMIUM,)),
    called(
        "several paid ones",
        Refused(("premium-1", "paygo-eu", "premium", "pay-as-you-go", "us-east", "eu-de")),
        (PREMIUM, PAYGO),
    ),
    called("plans preferred", LoggedIn(PREMIUM.crn, 8), (OPEN, PREMIUM), plans_preference=["premium"]),
    called(
        "plans preferred, of which there is the second",
        LoggedIn(FLEX.crn, 8),
        (OPEN, FLEX),
        plans_preference=["premium", "Flex"],
    ),
    called("plans preferred that there are not", Refused(("on-prem", "open-1")), plans_preference=["on-prem"]),
    called("a region preferred", LoggedIn(OPEN_EU.crn, 8), (OPEN, OPEN_EU), region="eu-de"),
    called("a region preferred without an instance", Refused(("eu-de", "open-1")), region="eu-de"),
    called("a region that there is not", Refused(("region", "mars")), region="mars"),
    called("tags wanted", LoggedIn(PAYGO.crn, 8), (OPEN, PAYGO), tags=["lab"]),
    called("tags wanted that there are not", Refused(("tag", "nope")), tags=["nope"]),
    called(
        "an account without an instance",
        Refused(("key is good|token is valid", "instance", "https://quantum.cloud.ibm.com")),
        (),
        clouded=cloud(),
        source=f"{RUNTIME}2564",
    ),
    called("only an instance without an allocation", Refused(("idle-1", "allocat")), (NO_ALLOCATION,)),
    called("one of two has an allocation", LoggedIn(PREMIUM.crn, 8), (NO_ALLOCATION, PREMIUM)),
    called("one instance of a plan that is not sold any more", LoggedIn(ARCHIVED.crn), (ARCHIVED,)),
    called("one of a plan that is not sold any more, and a free one", LoggedIn(OPEN.crn, 8), (ARCHIVED, OPEN)),
    called("the free one is on the second page", LoggedIn(OPEN.crn, 8), clouded=cloud(*MANY[:3], OPEN, most_items=2)),
    called("a page of the search has ten items", LoggedIn(OPEN.crn, 8), (*MANY[:12], OPEN), instance="open-1"),
    # URLs
    *(
        called(f"a URL {what}", LoggedIn(OPEN.crn, 4), (OPEN, OPEN_EU), url=url, **WITH_CRN)
        for what, url in PLATFORM_URLS.items()
    ),
    called("a URL without https", Refused(("https",), True), url="http://cloud.ibm.com", **WITH_CRN),
    called(
        "a URL of the archived platform",
        Refused((CLASSIC,)),
        url="https://auth.quantum-computing.ibm.com/api",
        key_hosts=(),
    ),
    called("a URL that is none", Refused(("url",), True), url="cloud ibm"),
    Setup(
        "a key beside the name of a saved account",
        Refused(("token", "name"), True),
        {"token": OTHER_KEY, "name": "lab"},
        home=saved({"lab": {"channel": "ibm_quantum_platform", "token": KEY, "instance": OPEN.crn}}),
    ),
    Setup(
        "a URL alone, and a saved key",
        Refused(("url", "token"), True),
        {"url": "https://evil.example"},
        home=saved(
            {"default-ibm-quantum-platform": {"channel": "ibm_quantum_platform", "token": KEY, "instance": OPEN.crn}}
        ),
    ),
    Setup(
        "a URL beside the name of a saved account",
        Refused(("url",), True),
        {"url": "https://evil.example", "name": "lab"},
        home=saved({"lab": {"channel": "ibm_quantum_platform", "token": KEY, "instance": OPEN.crn}}),
    ),
    Setup(
        "an instance beside the name of a saved account",
        LoggedIn(PAYGO.crn, 4),
        {"name": "lab", "instance": PAYGO.crn},
        home={FILE: {"lab": {"channel": "ibm_quantum_platform", "token": KEY, "instance": OPEN.crn}}},
        cloud=cloud(OPEN, PAYGO),
    ),
)
