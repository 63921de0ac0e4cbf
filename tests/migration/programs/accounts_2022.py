"""Accounts that are saved, listed and deleted."""
import os

from qiskit import IBMQ

IBMQ.save_account(os.environ['MY_TOKEN'], os.environ['MY_URL'], hub='ibm-q', overwrite=True)
stored = IBMQ.stored_account()
provider = IBMQ.load_account()
active = IBMQ.active_account()
IBMQ.delete_account()
after = IBMQ.stored_account()
