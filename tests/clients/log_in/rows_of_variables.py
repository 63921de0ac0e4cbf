"""Set-ups in which the account is in the environment, or variables of another year are left there."""

from cloud_state import CLASSIC_TOKEN, KEY, OTHER_KEY, UNKNOWN_KEY
from rows_of_arguments import OPEN, PREMIUM, cloud
from setups import CLASSIC, LoggedIn, Refused, Setup, saved

GOOD = {"QISKIT_IBM_TOKEN": KEY, "QISKIT_IBM_INSTANCE": OPEN.crn}
PLATFORM = {"channel": "ibm_quantum_platform", "token": KEY, "url": "https://cloud.ibm.com", "instance": OPEN.crn}
SAVED = saved({"default-ibm-quantum-platform": PLATFORM})
TWO = cloud(PREMIUM, OPEN)
CLASSIC_URL = "https://auth.quantum-computing.ibm.com/api"

ROWS = (
    Setup("variables with key and CRN", LoggedIn(OPEN.crn, 4), variables=GOOD),
    Setup("a variable with the key", LoggedIn(OPEN.crn), variables={"QISKIT_IBM_TOKEN": KEY}),
    Setup("variables with a channel", LoggedIn(OPEN.crn, 4), variables=GOOD | {"QISKIT_IBM_CHANNEL": "ibm_cloud"}),
    Setup("variables with a URL", LoggedIn(OPEN.crn, 4), variables=GOOD | {"QISKIT_IBM_URL": "https://cloud.ibm.com"}),
    Setup(
        "variables with line breaks and quotes",
        LoggedIn(OPEN.crn, 4),
        variables={"QISKIT_IBM_TOKEN": f'"{KEY}"', "QISKIT_IBM_INSTANCE": f"{OPEN.crn}\n"},
    ),
    Setup(
        "variables with the name of an instance",
        LoggedIn(OPEN.crn),
        variables={"QISKIT_IBM_TOKEN": KEY, "QISKIT_IBM_INSTANCE": "open-1"},
        cloud=TWO,
    ),
    Setup(
        "a variable of blanks, and a saved account",
        LoggedIn(OPEN.crn, 4),
        home=SAVED,
        variables={"QISKIT_IBM_TOKEN": "  "},
    ),
    Setup(
        "an instance left in a variable, and a saved account",
        LoggedIn(OPEN.crn, 4),
        home=SAVED,
        variables={"QISKIT_IBM_INSTANCE": PREMIUM.crn},
        cloud=TWO,
    ),
    Setup(
        "an instance left in a variable, and a key in the call",
        LoggedIn(OPEN.crn, 8),
        {"token": KEY},
        variables={"QISKIT_IBM_INSTANCE": PREMIUM.crn},
        cloud=TWO,
    ),
    Setup(
        "a channel left in a variable, and a saved account",
        LoggedIn(OPEN.crn, 4),
        home=SAVED,
        variables={"QISKIT_IBM_CHANNEL": "ibm_quantum"},
    ),
    Setup(
        "a URL left in a variable, and a saved account",
        LoggedIn(OPEN.crn, 4),
        home=SAVED,
        variables={"QISKIT_IBM_URL": CLASSIC_URL},
    ),
    Setup(
        "a stranger's URL in a variable, and a saved account",
        LoggedIn(OPEN.crn, 4),
        home=SAVED,
        variables={"QISKIT_IBM_URL": "https://evil.example"},
    ),
    Setup(
        "a stranger's URL in a variable, and a key in the call",
        LoggedIn(OPEN.crn, 4),
        {"token": KEY, "instance": OPEN.crn},
        variables={"QISKIT_IBM_URL": "https://evil.example"},
    ),
    Setup(
        "variables of 2024",
        Refused(("QISKIT_IBM_", CLASSIC), True),
        variables={
            "QISKIT_IBM_TOKEN": CLASSIC_TOKEN,
            "QISKIT_IBM_CHANNEL": "ibm_quantum",
            "QISKIT_IBM_INSTANCE": "ibm-q/open/main",
        },
    ),
    Setup(
        "a token of 2024 in a variable",
        Refused(("QISKIT_IBM_TOKEN", CLASSIC), True),
        variables={"QISKIT_IBM_TOKEN": CLASSIC_TOKEN},
    ),
    Setup(
        "a channel of 2024 beside a key of today",
        Refused(("QISKIT_IBM_CHANNEL",), True),
        variables={"QISKIT_IBM_TOKEN": KEY, "QISKIT_IBM_CHANNEL": "ibm_quantum"},
    ),
    Setup(
        "a URL of 2024 beside a key of today",
        Refused(("QISKIT_IBM_URL",), True),
        variables={"QISKIT_IBM_TOKEN": KEY, "QISKIT_IBM_URL": CLASSIC_URL},
    ),
    Setup(
        "a wrong key in a variable, and a saved account",
        Refused(("QISKIT_IBM_TOKEN", "could not be found")),
        home=SAVED,
        variables={"QISKIT_IBM_TOKEN": UNKNOWN_KEY},
    ),
    Setup(
        "another account's CRN in a variable",
        Refused(("QISKIT_IBM_INSTANCE|instance", "account")),
        variables={"QISKIT_IBM_TOKEN": OTHER_KEY, "QISKIT_IBM_INSTANCE": OPEN.crn},
        cloud=cloud(OPEN),
    ),
    Setup(
        "an empty variable, and a saved account", LoggedIn(OPEN.crn, 4), home=SAVED, variables={"QISKIT_IBM_TOKEN": ""}
    ),
    Setup(
        "a wrong key in a variable, and an account by name",
        LoggedIn(OPEN.crn, 4),
        {"name": "lab"},
        home=saved({"lab": PLATFORM}),
        variables={"QISKIT_IBM_TOKEN": UNKNOWN_KEY},
    ),
    Setup(
        "a wrong key in a variable, and a key in the call",
        LoggedIn(OPEN.crn, 4),
        {"token": KEY, "instance": OPEN.crn},
        variables={"QISKIT_IBM_TOKEN": UNKNOWN_KEY},
    ),
    Setup(
        "a file .env",
        LoggedIn(OPEN.crn, 4),
        dotenv=f"QISKIT_IBM_TOKEN={KEY}\nQISKIT_IBM_INSTANCE={OPEN.crn}\n",
        needs="dotenv",
    ),
    Setup(
        "a file .env, and a variable",
        LoggedIn(OPEN.crn, 4),
        dotenv=f"QISKIT_IBM_TOKEN={UNKNOWN_KEY}\n",
        variables=GOOD,
        needs="dotenv",
    ),
    Setup(
        "IAM_URL with its path",
        LoggedIn(OPEN.crn, 4),
        {"token": KEY, "instance": OPEN.crn},
        variables={"IAM_URL": "https://iam.cloud.ibm.com/identity/token"},
    ),
    Setup(
        "a stranger's URL in IAM_URL, and a saved account",
        Refused(("IAM_URL",), True),
        home=SAVED,
        variables={"IAM_URL": "https://evil.example"},
    ),
    Setup(
        "IAM_URL without https, and a saved account",
        Refused(("IAM_URL", "https"), True),
        home=SAVED,
        variables={"IAM_URL": "http://iam.cloud.ibm.com"},
    ),
    Setup(
        "IAM_URL with a slash",
        LoggedIn(OPEN.crn, 4),
        {"token": KEY, "instance": OPEN.crn},
        variables={"IAM_URL": "https://iam.cloud.ibm.com/"},
    ),
)
