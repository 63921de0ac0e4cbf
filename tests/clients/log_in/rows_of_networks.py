"""Set-ups in which the account is right, and something is on the way: proxies, certificates, portals, outages."""

from cloud_state import KEY, PROXY_PASSWORD, UNKNOWN_KEY, Cloud
from rows_of_arguments import OPEN, PAYGO, PREMIUM, RUNTIME, cloud
from setups import IAM, LoggedIn, Offline, Refused, Setup

CALL = {"token": KEY, "instance": OPEN.crn}
PROXY = "http://proxy.example:8080"
PROXY_WITH_LOGIN = f"http://user:{PROXY_PASSWORD}@proxy.example:8080"
SEARCH = "api.global-search-tagging.cloud.ibm.com"
CATALOGUE = "globalcatalog.cloud.ibm.com"
API = "quantum.cloud.ibm.com"


def network(name, expected, arguments=None, variables=None, *, fault=None, instances=(OPEN,), **more):
    """A row in which a host, or the way to it, has a fault."""
    of_cloud = {each: more.pop(each) for each in ("network", "proxy", "names_unknown") if each in more}
    clouded = cloud(*instances, faults=fault or {}, **of_cloud)
    return Setup(name, expected, arguments or CALL, variables=variables or {}, cloud=clouded, **more)


BEHIND = {"network": "proxy"}
EVERYTHING = dict.fromkeys((IAM, SEARCH, CATALOGUE, API), "portal")

ROWS = (
    # Proxies
    network("a proxy in a variable", LoggedIn(OPEN.crn, 4), variables={"HTTPS_PROXY": PROXY}, **BEHIND),
    network("a proxy in the call", LoggedIn(OPEN.crn, 4), CALL | {"proxies": {"urls": {"https": PROXY}}}, **BEHIND),
    network("a bare proxy in the call", LoggedIn(OPEN.crn, 4), CALL | {"proxies": {"https": PROXY}}, **BEHIND),
    network(
        "a proxy in the call, and a name of an instance",
        LoggedIn(OPEN.crn),
        {"token": KEY, "instance": "open-1", "proxies": {"urls": {"https": PROXY}}},
        source=f"{RUNTIME}2592",
        **BEHIND,
    ),
    network(
        "a proxy that wants a password, and gets it",
        LoggedIn(OPEN.crn, 4),
        variables={"HTTPS_PROXY": PROXY_WITH_LOGIN},
        proxy="login",
        **BEHIND,
    ),
    network(
        "a proxy that wants a password",
        Refused(("proxy", "407")),
        variables={"HTTPS_PROXY": PROXY},
        proxy="login",
        **BEHIND,
    ),
    network(
        "a proxy that lets nothing through",
        Refused(("proxy",)),
        variables={"HTTPS_PROXY": PROXY},
        proxy="closed",
        **BEHIND,
    ),
    network("a proxy whose name is not known", Refused(("proxy",)), variables={"HTTPS_PROXY": PROXY}, network="none"),
    network(
        "a proxy, and NO_PROXY",
        LoggedIn(OPEN.crn, 4),
        variables={"HTTPS_PROXY": PROXY, "NO_PROXY": ".cloud.ibm.com"},
        proxy="closed",
    ),
    network(
        "a proxy, and NO_PROXY for others",
        LoggedIn(OPEN.crn, 4),
        variables={"HTTPS_PROXY": PROXY, "NO_PROXY": "localhost,.example"},
        **BEHIND,
    ),
    network(
        "proxies of another spelling",
        Refused(("proxies", "user"), True),
        CALL | {"proxies": {"urls": {}, "user": "me"}},
    ),
    network(
        "a proxy without http:// at its front",
        LoggedIn(OPEN.crn, 4),
        CALL | {"proxies": {"urls": {"https": "proxy.example:8080"}}},
        source=f"{RUNTIME}2266",
        **BEHIND,
    ),
    network(
        "a proxy with https:// at its front that speaks http",
        Refused(("proxy",)),
        variables={"HTTPS_PROXY": "https://proxy.example:8080"},
        **BEHIND,
    ),
    network(
        "a SOCKS proxy without PySocks",
        Refused(("proxy", "socks")),
        variables={"HTTPS_PROXY": "socks5://proxy.example:8080"},
        lacks="socks",
        **BEHIND,
    ),
    # Certificates
    network(
        "a certificate of an unknown authority",
        Refused(("certificate", IAM)),
        fault={IAM: "untrusted"},
        key_hosts=(),
        source=f"{RUNTIME}776",
    ),
    network("a certificate for another host", Refused(("certificate", IAM)), fault={IAM: "other name"}, key_hosts=()),
    network(
        "the API has a certificate of an unknown authority", Refused(("certificate", API)), fault={API: "untrusted"}
    ),
    network(
        "an authority that only the call names",
        LoggedIn(OPEN.crn, 4),
        CALL | {"verify": "{authority}"},
        is_trusted=False,
    ),
    network(
        "an authority in CURL_CA_BUNDLE",
        LoggedIn(OPEN.crn, 4),
        variables={"CURL_CA_BUNDLE": "{authority}"},
        is_trusted=False,
    ),
    network(
        "checks of certificates turned off",
        LoggedIn(OPEN.crn, 4),
        CALL | {"verify": False},
        is_trusted=False,
        source=f"{RUNTIME}2592",
    ),
    network(
        "a bundle in the call that is not there",
        Refused(("verify", "nowhere.pem"), True),
        CALL | {"verify": "{home}/nowhere.pem"},
    ),
    network(
        "a bundle in REQUESTS_CA_BUNDLE that is not there",
        Refused(("REQUESTS_CA_BUNDLE", "nowhere.pem")),
        variables={"REQUESTS_CA_BUNDLE": "{home}/nowhere.pem"},
    ),
    # Names and connections
    network("no network", Refused(("name", IAM)), network="none"),
    network("the name of the API is not known", Refused(("name", API)), names_unknown=(API,)),
    network("IAM hangs up", Refused((IAM,)), fault={IAM: "hangs up"}),
    # Portals
    network("a captive portal at IAM", Refused(("portal|html", "log in to the network")), fault={IAM: "portal"}),
    network(
        "a captive portal at every host",
        Refused(("portal|html", "log in to the network")),
        {"token": KEY},
        fault=EVERYTHING,
    ),
    network(
        "a captive portal that sends elsewhere",
        Refused((IAM, "portal|302", "log in to the network")),
        fault={IAM: "moved"},
    ),
    network(
        "a captive portal at the API",
        Refused(("portal|html", "log in to the network")),
        fault={API: "portal"},
        source=f"{RUNTIME}1637",
    ),
    # Outages
    network("IAM is busy", Refused((IAM, "503")), fault={IAM: "busy"}),
    network("IAM wants fewer requests", Refused((IAM, "429")), fault={IAM: "limited"}),
    network("the API is in maintenance", Refused((API, "503")), fault={API: "busy"}, source=f"{RUNTIME}1637"),
    network("the search is busy, and there is a CRN", LoggedIn(OPEN.crn, 4), fault={SEARCH: "busy"}),
    network("the search is busy", Refused((SEARCH, "503|instance")), {"token": KEY}, fault={SEARCH: "busy"}),
    network("the search is forbidden", Refused(("instance", "403|CRN")), {"token": KEY}, fault={SEARCH: "forbidden"}),
    network(
        "the catalogue is busy, and there is a name",
        LoggedIn(OPEN.crn, 12),
        {"token": KEY, "instance": "open-1"},
        fault={CATALOGUE: "busy"},
        instances=(OPEN, PREMIUM),
    ),
    network(
        "the catalogue is forbidden, and there is one instance",
        LoggedIn(OPEN.crn, 8),
        {"token": KEY},
        fault={CATALOGUE: "forbidden"},
    ),
    network(
        "the catalogue is forbidden, and there are two",
        Refused(("open-1", "paygo-eu")),
        {"token": KEY},
        fault={CATALOGUE: "forbidden"},
        instances=(OPEN, PAYGO),
    ),
    # What else is on the machine
    Setup(
        "a .netrc with the host of IAM",
        LoggedIn(OPEN.crn, 4),
        CALL,
        home={".netrc": f"machine {IAM} login me password other\nmachine {API} login me password other\n"},
    ),
    Setup("a store, and no network", Offline(), CALL, cloud=Cloud(network="none"), store=True),
    Setup(
        "a store, and a key that IAM does not know",
        Refused(("could not be found",)),
        CALL | {"token": UNKNOWN_KEY},
        store=True,
    ),
    Setup(
        "a store, and a certificate of an unknown authority",
        Refused(("certificate",)),
        CALL,
        cloud=cloud(OPEN, faults={IAM: "untrusted"}),
        store=True,
        key_hosts=(),
    ),
)
