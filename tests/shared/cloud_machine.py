"""A machine of a user, in a model of IBM Cloud: a home directory, an environment, and a name server."""

import socket
import time
from contextlib import contextmanager

from cloud_server import CloudServer
from names import name_server
from setups import VARIABLES

from ibm_circuit_job.clients import version_agreement


@contextmanager
def cloud_server(folder):
    """Start the cloud; write the certificate of its authority into the folder."""
    with CloudServer() as server:
        (folder / "authority.pem").write_bytes(server.authority.cert_pem.bytes())
        yield server


def arrange(server, cloud, home, authority, patch):
    """Put the cloud into a state, and this process on a machine from which its names are known."""
    for name in VARIABLES:
        patch.delenv(name, raising=False)
        patch.delenv(name.lower(), raising=False)
    patch.setenv("HOME", str(home))
    patch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    patch.chdir(home)
    patch.setattr(socket, "getaddrinfo", name_server(server.ports, cloud.network, cloud.names_unknown))
    # Each command is a process of its own, which has agreed on nothing yet.
    patch.setattr(version_agreement, "_agreements", {})
    # The pauses between tries: their number counts here, and not their length.
    patch.setattr(time, "sleep", lambda _: None)
    server.begin(cloud)
