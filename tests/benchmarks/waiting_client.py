"""A client that waits for jobs, one after another: ours in either dialect, or an official one in its environment.

Run as a program: the first argument names the client, the second is JSON that says where the service is and which jobs
to wait for. Prints a line of JSON for each wait.
"""

import json
import sys
import time
import warnings

from qiskit import QuantumCircuit

REP_DELAY = 500e-6
SETTLED = 0.3
"""Seconds after a wait in which what it has left behind still counts as its traffic."""


def ours(channel, **account):
    from ibm_circuit_job import IBMProvider  # noqa: PLC0415 - each client has an environment of its own

    device = IBMProvider(channel=channel, **account).get_backend("local_5q")
    return lambda circuits, shots: device.run(circuits, shots=shots, rep_delay=REP_DELAY), counts_of_result


def ours_by_push(url, token, **_):
    return ours("ibm_quantum", url=url, token=token)


def ours_by_polling(platform_url, token, instance, **_):
    return ours("ibm_quantum_platform", url=platform_url, token=token, instance=instance)


def provider(url, token, **_):
    from qiskit_ibm_provider import IBMProvider  # noqa: PLC0415

    device = IBMProvider(url=url, token=token).get_backend("local_5q")
    return lambda circuits, shots: device.run(circuits, shots=shots, rep_delay=REP_DELAY), counts_of_result


def runtime(platform_url, token, instance, **_):
    from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2  # noqa: PLC0415

    service = QiskitRuntimeService(
        channel="ibm_quantum_platform",
        url=platform_url,
        token=token,
        instance=instance,
        url_resolver=lambda url, *_: url,
    )
    sampler = SamplerV2(mode=service.backend("local_5q"), options={"execution": {"rep_delay": REP_DELAY}})

    def counts_of_job(job):
        return [pub.data.c.get_counts() for pub in job.result()]

    return lambda circuits, shots: sampler.run(circuits, shots=shots), counts_of_job


def counts_of_result(job):
    result = job.result()
    return [result.get_counts(number) for number in range(len(result.results))]


def circuits_of(many, gates):
    made = []
    for _ in range(many):
        circuit = QuantumCircuit(5, 5)
        for number in range(gates - 1):
            circuit.sx(number % 5)
        circuit.x(0)
        circuit.measure(range(5), range(5))
        made.append(circuit)
    return made


def waited(run, counts_of, seconds, many, gates):
    """Wait for one job, and say when the wait began and returned, and whether the answer is right."""
    shots = round(seconds / REP_DELAY / many)
    job = run(circuits_of(many, gates), shots)
    began = time.time()
    job.wait_for_final_state()
    returned = time.time()
    time.sleep(SETTLED)
    status = job.status()
    counted = counts_of(job)
    is_right = [sum(counts.values()) for counts in counted] == [shots] * many
    return {
        "id": job.job_id(),
        "began": began,
        "returned": returned,
        "right": is_right and getattr(status, "name", status) == "DONE",
    }


def main():
    warnings.simplefilter("ignore")
    wanted = json.loads(sys.argv[2])
    run, counts_of = globals()[sys.argv[1]](**wanted["service"])
    # The first job of a service takes longer, for its worker has to start; and a client logs in with its first.
    waited(run, counts_of, 0.1, 1, 1)
    for seconds, many, gates in wanted["jobs"]:
        print(json.dumps(waited(run, counts_of, seconds, many, gates)), flush=True)


if __name__ == "__main__":
    main()
