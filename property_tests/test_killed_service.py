"""A service that is killed at any moment, again and again, and a client that holds it to what it acknowledged."""

import os
import random
import signal
import threading

import requests
from hypothesis import settings
from qiskit import QuantumCircuit
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMJobInvalidStateError, IBMProvider, SubmissionPolicy
from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.errors import IBMError
from ibm_circuit_job.local import LocalService

KILLS = 50 if settings().max_examples > 1000 else 3
SEED = 20261123
BITS = 6


def circuit_of(number):
    circuit = QuantumCircuit(BITS, BITS, name=f"number-{number}")
    for bit in range(BITS):
        if number >> bit & 1:
            circuit.x(bit)
    circuit.measure(range(BITS), range(BITS))
    return circuit


class Customer:
    """Submits, tags, cancels and reads, and writes down what was acknowledged, until nobody answers."""

    def __init__(self):
        self.numbers = {}
        self.tags = {}
        self.cancelled = set()
        self.seen_done = set()

    def serve_itself(self, provider, chance):
        """Until the service dies."""
        backend = provider.get_backend("local_simulator")
        # A service that is killed does not come back while this waits.
        backend.submission_policy = SubmissionPolicy(patience=0.0)
        while True:
            number = chance.randrange(2**BITS)
            job = backend.run(circuit_of(number), shots=10, job_tags=["first"])
            self.numbers[job.job_id()] = number
            self.tags[job.job_id()] = {("first",)}
            match chance.randrange(4):
                case 0:
                    # Whether it is done when the answer is lost nobody can know.
                    self.tags[job.job_id()] |= {("second",)}
                    job.update_tags(["second"])
                    self.tags[job.job_id()] = {("second",)}
                case 1:
                    try:
                        self.numbers[job.job_id()] = None
                        job.cancel()
                        self.cancelled.add(job.job_id())
                    except IBMJobInvalidStateError:
                        self.numbers[job.job_id()] = number
                case 2:
                    job.wait_for_final_state(timeout=0.5)
                    self.seen_done.add(job.job_id())


def test_service_that_is_killed_at_any_moment_forgets_nothing(tmp_path):
    chance, customer = random.Random(SEED), Customer()
    for _ in range(KILLS):
        service = LocalService(data=tmp_path, workers=1)
        provider = IBMProvider(service.token, service.url)
        check(provider, customer)
        # On a clock of its own: it knows nothing of what is being done at that moment.
        killer = threading.Timer(chance.uniform(0.01, 1.0), os.killpg, [service.pid, signal.SIGKILL])
        killer.start()
        while service.is_running:
            try:
                customer.serve_itself(provider, chance)
            except (IBMError, RequestFailed, requests.RequestException):
                continue
        killer.join()
        service.stop()
    with LocalService(data=tmp_path, workers=1) as service:
        provider = IBMProvider(service.token, service.url)
        check(provider, customer)
        for job_id, number in customer.numbers.items():
            job = provider.retrieve_job(job_id)
            job.wait_for_final_state(timeout=60)
            if job.status() is JobStatus.DONE and number is not None:
                assert job.result().get_counts() == {f"{number:0{BITS}b}": 10}
            assert job.status() is JobStatus.DONE or number is None
    print(f"{KILLS} kills, {len(customer.numbers)} jobs, {len(customer.cancelled)} cancels acknowledged")
    assert customer.numbers


def check(provider, customer):
    """Every job that was acknowledged is there, as it was acknowledged."""
    listed = {job.job_id(): job for job in provider.jobs(limit=None)}
    assert listed.keys() >= customer.numbers.keys()
    for job_id, tags in customer.tags.items():
        assert listed[job_id].state.tags in tags
    for job_id in customer.cancelled:
        assert listed[job_id].state.status.status is JobStatus.CANCELLED
    for job_id in customer.seen_done:
        assert listed[job_id].state.is_final
