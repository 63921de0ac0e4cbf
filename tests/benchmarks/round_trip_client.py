"""A client that logs in, runs jobs and lists 200 of them: ours in either dialect, or an official one.

Run as a program in the environment of that client: the first argument names the client, the second is JSON that says
where the service is and how many jobs to run. Prints a line of JSON for each step: its name, when it began and
returned, and the seconds of CPU time that it took.
"""

import json
import sys
import time
import warnings

from qiskit import QuantumCircuit, transpile

LISTED = 200


def ours_on(channel, **account):
    from ibm_circuit_job import IBMProvider  # noqa: PLC0415 - each client has an environment of its own

    provider = IBMProvider(channel=channel, store=None, **account)
    return provider.get_backend, lambda backend, circuit: backend.run(circuit, shots=10), provider.jobs


def ours(platform_url, token, instance, **_):
    return ours_on("ibm_quantum_platform", url=platform_url, token=token, instance=instance)


def ours_on_classic(url, token, **_):
    return ours_on("ibm_quantum", url=url, token=token)


def provider(url, token, **_):
    from qiskit_ibm_provider import IBMProvider  # noqa: PLC0415

    found = IBMProvider(url=url, token=token)
    return found.get_backend, lambda backend, circuit: backend.run(circuit, shots=10), found.jobs


def runtime(platform_url, token, instance, **_):
    from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2  # noqa: PLC0415

    service = QiskitRuntimeService(
        channel="ibm_quantum_platform",
        url=platform_url,
        token=token,
        instance=instance,
        url_resolver=lambda url, *_: url,
    )

    def run(backend, circuit):
        return SamplerV2(mode=backend).run([circuit], shots=10)

    return service.backend, run, service.jobs


def measured(step, work):
    began, used = time.time(), time.process_time()
    done = work()
    cpu = time.process_time() - used
    print(json.dumps({"step": step, "began": began, "returned": time.time(), "cpu": cpu}), flush=True)
    return done


def main():
    warnings.simplefilter("ignore")
    wanted = json.loads(sys.argv[2])
    get_backend, run, jobs = measured("log in", lambda: globals()[sys.argv[1]](**wanted["service"]))
    backend = measured("get a backend", lambda: get_backend("local_5q"))
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    circuit = measured("transpile", lambda: transpile(circuit, backend))
    for _ in range(wanted["jobs"]):
        measured("run and result", lambda: run(backend, circuit).result())
    for _ in range(wanted["listings"]):
        found = measured("list", lambda: jobs(limit=LISTED))
        assert len(found) == LISTED


if __name__ == "__main__":
    main()
