"""Recording what a client and the service say to each other, without anything that identifies an account."""

from ibm_circuit_job.recording.exchange import Exchange
from ibm_circuit_job.recording.recorder import Recorder, write_fixture
from ibm_circuit_job.recording.redaction import FORMAT, fixture_of

__all__ = ["FORMAT", "Exchange", "Recorder", "fixture_of", "write_fixture"]
