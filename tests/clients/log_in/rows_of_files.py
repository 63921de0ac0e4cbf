"""Set-ups in which the account is in a file: of every era, damaged, and with every field that an entry may have."""

import json

from cloud_state import CLASSIC_TOKEN, KEY, OTHER_KEY, PROXY_PASSWORD, UNKNOWN_KEY
from rows_of_arguments import FOREIGN, OPEN, PAYGO, PREMIUM, RUNTIME, cloud
from rows_of_variables import PLATFORM
from setups import CLASSIC, FILE, LoggedIn, Refused, Setup, saved

KEY_ONLY = {name: value for name, value in PLATFORM.items() if name != "instance"}
DEFAULT = "default-ibm-quantum-platform"
WRONG = PLATFORM | {"token": UNKNOWN_KEY}
OF_2024 = {
    "channel": "ibm_quantum",
    "token": CLASSIC_TOKEN,
    "url": "https://auth.quantum-computing.ibm.com/api",
    "verify": True,
    "private_endpoint": False,
}
CLOUD_OF_2022 = {"auth": "cloud", "token": KEY, "url": "https://cloud.ibm.com", "instance": OPEN.crn}
LEGACY_OF_2022 = {"auth": "legacy", "token": CLASSIC_TOKEN, "url": "https://auth.quantum-computing.ibm.com/api"}
QISKITRC = f"[ibmq]\ntoken = {CLASSIC_TOKEN}\nurl = https://auth.quantum-computing.ibm.com/api\nverify = True\n"
BODY = json.dumps({DEFAULT: PLATFORM})
THREE = cloud(PREMIUM, OPEN, PAYGO)
PROXIES = {"https": f"http://user:{PROXY_PASSWORD}@proxy.example:8080"}
NTLM = {"urls": {"https": "http://proxy.example:8080"}, "username_ntlm": "user", "password_ntlm": PROXY_PASSWORD}
BEHIND = cloud(OPEN, network="proxy", proxy="login")


def field(name, value, expected, clouded=None, **more):
    """A row whose saved account has a field."""
    return Setup(
        f"a saved account with {name}",
        expected,
        home=saved({DEFAULT: KEY_ONLY | {name: value}}),
        cloud=clouded or THREE,
        **more,
    )


def damaged(what, content, *words):
    """A row whose file cannot be read."""
    return Setup(f"a file that {what}", Refused(("qiskit-ibm.json", *words), True), home={FILE: content})


ROWS = (
    Setup("the default account", LoggedIn(OPEN.crn, 4), home=saved({DEFAULT: PLATFORM})),
    Setup("the default account, without an instance", LoggedIn(OPEN.crn), home=saved({DEFAULT: KEY_ONLY})),
    Setup(
        "a flagged account beside the default name",
        LoggedIn(OPEN.crn, 4),
        home=saved({DEFAULT: WRONG, "lab": PLATFORM | {"is_default_account": True}}),
    ),
    Setup(
        "the default name beside another",
        LoggedIn(OPEN.crn, 4),
        home=saved({"a": WRONG, DEFAULT: PLATFORM, "z": WRONG}),
    ),
    Setup("one account under a name", LoggedIn(OPEN.crn, 4), home=saved({"lab": PLATFORM})),
    Setup(
        "two accounts under names",
        LoggedIn(OPEN.crn, 4),
        home=saved({"lab": PLATFORM, "work": {**PLATFORM, "token": OTHER_KEY, "instance": FOREIGN.crn}}),
        cloud=cloud(OPEN),
    ),
    Setup(
        "an account by its name", LoggedIn(OPEN.crn, 4), {"name": "lab"}, home=saved({"lab": PLATFORM, DEFAULT: WRONG})
    ),
    Setup(
        "an account by a name that there is not",
        Refused(("nope", "lab", "qiskit-ibm.json"), True),
        {"name": "nope"},
        home=saved({"lab": PLATFORM}),
    ),
    Setup(
        "an account by its name, in another file",
        LoggedIn(OPEN.crn, 4),
        {"name": "lab", "filename": "{home}/mine.json"},
        home=saved({"lab": PLATFORM}, "mine.json"),
    ),
    Setup(
        "the default account of another file",
        LoggedIn(OPEN.crn, 4),
        {"filename": "{home}/mine.json"},
        home=saved({DEFAULT: PLATFORM}, "mine.json") | saved({DEFAULT: WRONG}),
    ),
    Setup("another file that is not there", Refused(("mine.json",), True), {"filename": "{home}/mine.json"}),
    # Eras
    Setup("the file of 2022", LoggedIn(OPEN.crn, 4), home=saved({"default-cloud": CLOUD_OF_2022})),
    Setup(
        "the file of 2022, both platforms",
        LoggedIn(OPEN.crn, 4),
        home=saved({"default-legacy": LEGACY_OF_2022, "default-cloud": CLOUD_OF_2022}),
    ),
    Setup(
        "the file of 2022, the archived platform",
        Refused((CLASSIC,), True),
        home=saved({"default-legacy": LEGACY_OF_2022}),
    ),
    Setup(
        "the file of 2023, ibm_cloud",
        LoggedIn(OPEN.crn, 4),
        home=saved({"default-ibm-cloud": PLATFORM | {"channel": "ibm_cloud"}}),
        source=f"{RUNTIME}2421",
    ),
    Setup(
        "the file of 2023, ibm_cloud under a name",
        LoggedIn(OPEN.crn, 4),
        home=saved({"lab": PLATFORM | {"channel": "ibm_cloud"}}),
        source=f"{RUNTIME}2421",
    ),
    Setup(
        "the file of 2024, the archived platform",
        Refused((CLASSIC,), True),
        home=saved({"default-ibm-quantum": OF_2024}),
    ),
    Setup(
        "the file of 2024, an archived account by name",
        Refused((CLASSIC, "old"), True),
        {"name": "old"},
        home=saved({"old": OF_2024}),
    ),
    Setup(
        "an archived account, flagged, beside one of today",
        LoggedIn(OPEN.crn, 4),
        home=saved({"default-ibm-quantum": OF_2024 | {"is_default_account": True}, DEFAULT: PLATFORM}),
        source=f"{RUNTIME}2331",
    ),
    Setup(
        "an archived account beside a named one of today",
        LoggedIn(OPEN.crn, 4),
        home=saved({"default-ibm-quantum": OF_2024, "lab": PLATFORM}),
    ),
    Setup("qiskitrc of 2019", Refused(("qiskitrc", CLASSIC), True), home={".qiskit/qiskitrc": QISKITRC}),
    # Damage
    damaged("is empty", "", "empty"),
    damaged("is no JSON", '{"default-ibm-quantum-platform": {"token": "', "json"),
    damaged("holds a list", [PLATFORM], "accounts|object|names"),
    damaged("holds a byte that is no text", b'{"a": "\xff\xfe"}', "json|text|utf-8"),
    damaged("is a folder", None, "folder|directory"),
    Setup("a file with a byte-order mark", LoggedIn(OPEN.crn, 4), home={FILE: b"\xef\xbb\xbf" + BODY.encode()}),
    Setup("a file in UTF-16", LoggedIn(OPEN.crn, 4), home={FILE: BODY.encode("utf-16")}),
    Setup(
        "a saved account without a token",
        Refused((DEFAULT, "token"), True),
        home=saved({DEFAULT: {"channel": "ibm_quantum_platform"}}),
    ),
    Setup(
        "a damaged account beside a good one",
        LoggedIn(OPEN.crn, 4),
        home=saved({"broken": None, "worse": [], DEFAULT: PLATFORM}),
    ),
    Setup("a file without an account", Refused(("qiskit-ibm.json|token|account",), True), home=saved({})),
    Setup("no home directory", Refused(("token|account",), True), has_home=False),
    Setup(
        "no home directory, and a key in the call",
        LoggedIn(OPEN.crn, 4),
        {"token": KEY, "instance": OPEN.crn},
        has_home=False,
    ),
    Setup(
        "a wrong key in the file",
        Refused(("qiskit-ibm.json", DEFAULT, "could not be found")),
        home=saved({DEFAULT: WRONG}),
    ),
    Setup(
        "a key of the file that lost its instance",
        Refused(("instance", "account")),
        home=saved({DEFAULT: PLATFORM | {"instance": FOREIGN.crn}}),
        cloud=cloud(OPEN),
    ),
    # Fields
    field("instance", "paygo-eu", LoggedIn(PAYGO.crn, 8)),
    Setup(
        "a saved account with the instance auto",
        LoggedIn(OPEN.crn, 8),
        home=saved({DEFAULT: KEY_ONLY | {"instance": "auto"}}),
        cloud=THREE,
    ),
    field("plans_preference", ["premium"], LoggedIn(PREMIUM.crn, 8)),
    field("region", "eu-de", LoggedIn(PAYGO.crn, 8)),
    field("tags", ["project:x"], LoggedIn(PREMIUM.crn, 8)),
    field("colour", "blue", Refused((DEFAULT, "colour"), True)),
    Setup(
        "a saved account with private_endpoint",
        LoggedIn(OPEN.crn, 4),
        home=saved({DEFAULT: PLATFORM | {"private_endpoint": True}}),
        key_hosts=("private.iam.cloud.ibm.com",),
    ),
    field("proxies", {"urls": PROXIES}, LoggedIn(OPEN.crn), BEHIND),
    Setup(
        "a saved account with bare proxies",
        LoggedIn(OPEN.crn),
        home=saved({DEFAULT: KEY_ONLY | {"proxies": PROXIES}}),
        cloud=BEHIND,
    ),
    field("verify", None, Refused(("certificate",)), is_trusted=False, key_hosts=()),
    Setup(
        "a saved account that turns checks off",
        LoggedIn(OPEN.crn, 4),
        home=saved({DEFAULT: PLATFORM | {"verify": False}}),
        is_trusted=False,
    ),
    Setup(
        "a saved account with the path of a bundle",
        LoggedIn(OPEN.crn, 4),
        home=saved({DEFAULT: PLATFORM | {"verify": "{authority}"}}),
        is_trusted=False,
    ),
    Setup(
        "a saved account with the path of no bundle",
        Refused(("verify|bundle", "nowhere.pem"), True),
        home=saved({DEFAULT: PLATFORM | {"verify": "{home}/nowhere.pem"}}),
    ),
    Setup(
        "a saved account with proxies for NTLM",
        Refused(("requests-ntlm|requests_ntlm",), True),
        home=saved({DEFAULT: KEY_ONLY | {"proxies": NTLM}}),
        cloud=cloud(OPEN, network="proxy", proxy="ntlm"),
        lacks="requests_ntlm",
        source=f"{RUNTIME}2266",
    ),
    Setup(
        "a saved account with empty proxies", LoggedIn(OPEN.crn, 4), home=saved({DEFAULT: PLATFORM | {"proxies": {}}})
    ),
    Setup(
        "a saved account with proxies of another spelling",
        Refused((DEFAULT, "proxies"), True),
        home=saved({DEFAULT: PLATFORM | {"proxies": {"urls": {}, "user": "me"}}}),
    ),
    Setup(
        "a saved account whose other fields are null",
        LoggedIn(OPEN.crn, 4),
        home=saved(
            {DEFAULT: PLATFORM | dict.fromkeys(("region", "plans_preference", "tags", "proxies", "private_endpoint"))}
        ),
    ),
    Setup(
        "a saved key with blanks and a line break",
        LoggedIn(OPEN.crn, 4),
        home=saved({DEFAULT: PLATFORM | {"token": f" {KEY}\n", "instance": f" {OPEN.crn}"}}),
    ),
    Setup(
        "a saved plans_preference that is one text",
        LoggedIn(PREMIUM.crn, 8),
        home=saved({DEFAULT: KEY_ONLY | {"plans_preference": "premium"}}),
        cloud=THREE,
    ),
    Setup(
        "a saved account of the platform with a URL of 2024",
        Refused((CLASSIC, DEFAULT), True),
        home=saved({DEFAULT: PLATFORM | {"url": OF_2024["url"]}}),
    ),
    Setup(
        "the channel of the platform, and both in the file",
        LoggedIn(OPEN.crn, 4),
        {"channel": "ibm_quantum_platform"},
        home=saved({"default-ibm-quantum": OF_2024 | {"is_default_account": True}, "lab": PLATFORM}),
    ),
    Setup(
        "the archived channel, and both in the file",
        Refused((CLASSIC,), True),
        {"channel": "ibm_quantum"},
        home=saved({"default-ibm-quantum": OF_2024, DEFAULT: PLATFORM}),
    ),
    Setup(
        "two accounts that are flagged",
        LoggedIn(OPEN.crn, 4),
        home=saved({"lab": PLATFORM | {"is_default_account": True}, "z": WRONG | {"is_default_account": True}}),
    ),
    Setup("a folder .qiskit that is a file", Refused(("qiskit",), True), home={".qiskit": "text"}),
    Setup(
        "a folder .qiskit that is a file, and a key in the call",
        LoggedIn(OPEN.crn, 4),
        {"token": KEY, "instance": OPEN.crn},
        home={".qiskit": "text"},
    ),
)
