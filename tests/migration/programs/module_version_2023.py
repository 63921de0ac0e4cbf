"""The version of the package, by the name of the module."""
from qiskit_ibm_provider import IBMProvider
import qiskit_ibm_provider

version = qiskit_ibm_provider.__version__
provider = IBMProvider()
names = [backend.name for backend in provider.backends(simulator=True)]
