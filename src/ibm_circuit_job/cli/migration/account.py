"""The name of a program's account. ``IBMQ`` was one account for the whole process; now an account is an object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import libcst as cst
from attrs import frozen

from ibm_circuit_job.cli.migration import names
from ibm_circuit_job.cli.migration.program import LOG_INS, PROVIDER, Program

_OF_THE_FILE: Final = frozenset(
    {"save_account", "update_account", "stored_account", "stored_accounts", "delete_account", "delete_accounts"}
)
"""The functions of ``IBMQ`` that work without a log-in."""
_WITH_TOKEN: Final = frozenset({"enable_account", names.REGISTER})


@frozen
class Account:
    """How a part of a program has its account."""

    name: str | None = None
    """The name of the account; ``None`` where each use logs in."""
    is_dropped: bool = False
    """Whether a log-in without a name is left out, since each use logs in."""


def account_of(program: Program, modules: Iterable[cst.Module]) -> Account:
    r"""Return the account of a program outside of functions.

    Example:
        >>> import libcst as cst
        >>> from ibm_circuit_job.cli.migration.program import program_of
        >>> module = cst.parse_module("from qiskit import IBMQ\nIBMQ.enable_account(T)\nIBMQ.backends()\n")
        >>> account_of(program_of([module]), [module])
        Account(name='account', is_dropped=False)
    """
    found = _Uses(program)
    for module in modules if may_log_in(program) else ():
        module.visit(found)
    if not found.bare:
        return Account(found.enabled)
    if not found.uses:
        return Account()
    has_token = bool(found.bare & _WITH_TOKEN)
    if not has_token and found.is_nested:
        # The block with the log-in may not run.
        return Account()
    if not has_token and found.uses <= {"get_provider"}:
        return Account(is_dropped=True)
    return Account(_free_name(program))


def account_in(program: Program, function: cst.FunctionDef) -> Account:
    """Return the account of a function that logs in with a token of its own."""
    found = _Uses(program)
    if may_log_in(program):
        function.body.visit(found)
    if found.bare & _WITH_TOKEN and found.uses:
        return Account(_free_name(program))
    return Account(found.enabled)


def may_log_in(program: Program) -> bool:
    """Return whether a program has a name with which :func:`log_in_name` finds a log-in."""
    return not program.spelled.isdisjoint({names.IBMQ, names.REGISTER})


def _free_name(program: Program) -> str:
    name = program.free_name("account")
    program.kinds[name] = PROVIDER
    return name


class _Uses(cst.CSTVisitor):
    """Collects the uses of ``IBMQ`` in a block. In nested functions, only the calls that need an account count."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self._program = program
        self._functions = 0
        self._blocks = 0
        self.bare: set[str] = set()
        """How the program logs in without a name for the account."""
        self.is_nested = False
        """Whether the log-in is inside a block, as of ``if``."""
        self.uses: set[str] = set()
        """The calls that need the account."""
        self.enabled: str | None = None
        """The name that the account of a token has."""

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._functions += 1

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        self._functions -= 1

    def visit_IndentedBlock(self, node: cst.IndentedBlock) -> None:
        self._blocks += 1

    def leave_IndentedBlock(self, original_node: cst.IndentedBlock) -> None:
        self._blocks -= 1

    def visit_Call(self, node: cst.Call) -> None:
        if isinstance(node.func, cst.Attribute) and self._program.is_rewritten(node.func.value, names.IBMQ):
            self.uses |= {node.func.attr.value} - LOG_INS - _OF_THE_FILE

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        if self._functions:
            return
        match node.body[0]:
            case cst.Expr(value=cst.Call() as call) if name := log_in_name(self._program, call):
                self.bare.add(name)
                self.is_nested = self.is_nested or self._blocks > 0
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=target))], value=cst.Call() as call):
                if log_in_name(self._program, call) in _WITH_TOKEN:
                    self.enabled = self.enabled or target


def log_in_name(program: Program, call: cst.Call) -> str | None:
    """Return the function of ``IBMQ`` with which a call logs in; ``None`` if it does not log in."""
    if program.is_rewritten(call.func, names.REGISTER):
        return names.REGISTER
    if isinstance(call.func, cst.Attribute) and program.is_rewritten(call.func.value, names.IBMQ):
        return call.func.attr.value if call.func.attr.value in LOG_INS else None
    return None
