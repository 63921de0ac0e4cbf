"""The names of a program before it is rewritten: their imports, and the kinds of their values.

Names are looked at for the whole program, and not scope by scope: notebooks use in one cell what another one made.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import libcst as cst
from attrs import Factory, define

from ibm_circuit_job.cli.migration import names
from ibm_circuit_job.cli.migration.names import Gone, Moved, Rewritten

PROVIDER: Final = "provider"
BACKEND: Final = "backend"
JOB: Final = "job"
MANAGER: Final = "manager"
JOB_SET: Final = "job set"
OF_MANY: Final = "several "
"""A list of backends is ``"several backend"``."""

LOG_INS: Final = frozenset({"load_account", "load_accounts", "enable_account"})
"""The functions of ``IBMQ`` that log in to an account."""
_STARS: Final = ("IBMQ", "execute", "Aer", "BasicAer", "assemble", "register", "transpile")
"""The names that ``from qiskit import *`` imported."""
_BACKEND_WORDS: Final = ("backend", "device", "machine", "simulator", "processor")


def dotted(node: cst.CSTNode | None) -> str | None:
    """Return the text of a name, or of attributes of a name; ``None`` for anything else.

    Example:
        >>> import libcst as cst
        >>> dotted(cst.parse_expression("qiskit.tools.monitor")), dotted(cst.parse_expression("f().x"))
        ('qiskit.tools.monitor', None)
    """
    match node:
        case cst.Name(value=name):
            return name
        case cst.Attribute(value=inner, attr=attr):
            before = dotted(inner)
            return None if before is None else f"{before}.{attr.value}"
        case _:
            return None


@define
class Program:
    """The names of a program, which may consist of several cells."""

    aliases: dict[str, str] = Factory(dict)
    """Name -> the imported name with its module."""
    stars: set[str] = Factory(set)
    """The modules whose names were all imported, with ``*``."""
    kinds: dict[str, str] = Factory(dict)
    """Name -> the kind of its value, if it is known."""
    spelled: set[str] = Factory(set)
    """All names in the program."""
    provided: set[tuple[str, str]] = Factory(set)
    """The names that module-level imports give as they are, with their modules."""
    defined: set[str] = Factory(set)
    """The functions and classes that the program defines."""
    assembled: dict[str, cst.Call] = Factory(dict)
    """Name -> the call of ``assemble()`` that was assigned to it, if there is only one."""
    submitted: set[cst.Call] = Factory(set)
    """The calls of ``assemble()`` whose options go to a call of ``run()``."""

    def full_name(self, node: cst.CSTNode | None) -> str | None:
        """The name with its module, where it was imported; ``None`` for any other, such as an attribute of a class."""
        name = dotted(node)
        if name is None:
            return None
        root, dot, rest = name.partition(".")
        if root in self.aliases:
            found = f"{self.aliases[root]}{dot}{rest}"
            return None if any(part[:1].isupper() for part in found.split(".")[:-1]) else found
        for module in self.stars:
            if module == "qiskit":
                is_known = root in _STARS
            elif module.startswith((*names.OLD_PACKAGES, "qiskit.tools.monitor")):
                is_known = isinstance(names.fate(f"{module}.{root}"), Moved | Rewritten)
            else:
                is_known = False
            if is_known and root not in self.defined:
                return f"{module}.{name}"
        return None

    def fate(self, node: cst.CSTNode | None) -> Moved | Rewritten | Gone | None:
        """The change of an imported name; ``None`` if it has not changed."""
        name = self.full_name(node)
        return None if name is None else names.fate(name)

    def is_rewritten(self, node: cst.CSTNode | None, name: str) -> bool:
        """Whether the uses of a name are rewritten."""
        found = self.fate(node)
        return isinstance(found, Rewritten) and found.name == name

    def free_name(self, wanted: str) -> str:
        """Return a new name, which the program does not use yet."""
        found = next(name for name in (wanted, *(f"{wanted}_{n}" for n in range(1, 999))) if name not in self.spelled)
        self.spelled.add(found)
        return found

    def kind(self, node: cst.CSTNode) -> str | None:  # noqa: C901, PLR0911 - a table of expressions
        """The kind of an expression: a provider, a backend, a job, a list of them; ``None`` if it is not known."""
        match node:
            case cst.Name(value=name):
                return self.kinds.get(name, name if name in {PROVIDER, JOB} else None)
            case cst.Await(expression=inner) | cst.NamedExpr(value=inner):
                return self.kind(inner)
            case cst.Subscript(value=inner):
                kind = self.kind(inner)
                return kind if isinstance(node.slice[0].slice, cst.Slice) else _of_element(kind)
            case cst.ListComp(elt=each):
                kind = self.kind(each)
                return None if kind is None else OF_MANY + kind
            case cst.Attribute(attr=cst.Name(value="provider")):
                return PROVIDER
            case cst.Attribute(value=inner, attr=cst.Name(value=name)) if self.kind(inner) == PROVIDER:
                return None if name != "backends" else OF_MANY + BACKEND
            case cst.Attribute(value=cst.Attribute(value=inner, attr=cst.Name(value="backends" | "backend"))):
                return BACKEND if self.kind(inner) == PROVIDER else None
            case cst.Call(func=cst.Name(value="list" | "sorted" | "filter"), args=[*_, cst.Arg(value=listed)]) if (
                not isinstance(listed, cst.Lambda)
            ):
                return self.kind(listed)
            case cst.Call(func=cst.Name(value="min" | "max"), args=[cst.Arg(value=listed), *_]):
                return _of_element(self.kind(listed))
            case cst.Call(func=called):
                return self._kind_of_call(called)
            case _:
                return None

    def _kind_of_call(self, called: cst.BaseExpression) -> str | None:  # noqa: PLR0911 - a table of calls
        found = self.fate(called)
        match found:
            case Rewritten(name=names.EXECUTE):
                return JOB
            case Rewritten(name=names.JOB_MANAGER):
                return MANAGER
            case Moved(name="IBMProvider"):
                return PROVIDER
            case Moved(name="least_busy" | "AerSimulator"):
                return BACKEND
        if not isinstance(called, cst.Attribute):
            return None
        of, name = self.kind(called.value), called.attr.value
        if self.is_rewritten(called.value, names.IBMQ):
            if name in LOG_INS or name == "get_provider":
                return PROVIDER
            return {"get_backend": BACKEND, "backends": OF_MANY + BACKEND, "providers": OF_MANY + PROVIDER}.get(name)
        if name == "get_backend" or (name, of) == ("backend", JOB):
            return BACKEND
        return {
            ("backends", PROVIDER): OF_MANY + BACKEND,
            ("retrieve_job", PROVIDER): JOB,
            ("retrieve_job", BACKEND): JOB,
            ("jobs", PROVIDER): OF_MANY + JOB,
            ("jobs", BACKEND): OF_MANY + JOB,
            ("run", BACKEND): JOB,
            ("run", MANAGER): JOB_SET,
        }.get((name, of or ""))

    def may_be_backend(self, node: cst.CSTNode) -> bool:
        """Whether an expression is a backend, or is of unknown kind and has a name like that of a backend."""
        kind = self.kind(node)
        if kind is not None:
            return kind == BACKEND
        match node:
            case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
                return any(word in name.lower() for word in _BACKEND_WORDS)
            case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString(value=name)))]):
                return any(word in name.lower() for word in _BACKEND_WORDS)
            case _:
                return False


def _of_element(kind: str | None) -> str | None:
    return kind.removeprefix(OF_MANY) if kind is not None and kind.startswith(OF_MANY) else None


def program_of(modules: Iterable[cst.Module]) -> Program:
    r"""Return the names of a program, with their imports and kinds.

    Args:
        modules: The program; a notebook has one for each cell.

    Example:
        >>> import libcst as cst
        >>> program = program_of([cst.parse_module("from qiskit import execute as run\njob = run(a, b)\n")])
        >>> program.aliases, program.kinds
        ({'run': 'qiskit.execute'}, {'job': 'job'})
    """
    modules = list(modules)
    program = Program()
    found = _Found(program)
    for module in modules:
        module.visit(found)
    for name in program.defined:
        program.aliases.pop(name, None)
    # A known kind may determine the kinds of other names, also of names earlier in the program.
    for _ in range(3):
        for target, value, is_element in found.assigned:
            kind = program.kind(value)
            if is_element:
                kind = _of_element(kind)
            if kind is not None:
                program.kinds.setdefault(target, kind)
    made: dict[str, list[cst.Call]] = {}
    for target, value, _ in found.assigned:
        if isinstance(value, cst.Call) and program.is_rewritten(value.func, names.ASSEMBLE):
            made.setdefault(target, []).append(value)
    program.assembled = {target: calls[0] for target, calls in made.items() if len(calls) == 1}
    program.submitted = {*program.assembled.values(), *found.submitted}
    return program


class _Found(cst.CSTVisitor):
    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program
        self.assigned: list[tuple[str, cst.BaseExpression, bool]] = []
        self.submitted: list[cst.Call] = []
        """What is made for a call of ``run()``, inside of that."""
        self._depth = 0

    def visit_Name(self, node: cst.Name) -> None:
        self.program.spelled.add(node.value)

    def visit_Import(self, node: cst.Import) -> None:
        for each in node.names:
            name = dotted(each.name) or ""
            if each.asname is not None and isinstance(each.asname.name, cst.Name):
                self.program.aliases[each.asname.name.value] = name
            else:
                root = name.partition(".")[0]
                self.program.aliases[root] = root

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        module = dotted(node.module)
        if module is None or node.relative:
            return
        if isinstance(node.names, cst.ImportStar):
            self.program.stars.add(module)
            if module == "qiskit":
                self.program.provided |= {("qiskit", "transpile")}
            return
        for each in node.names:
            name = dotted(each.name) or ""
            if each.asname is not None and isinstance(each.asname.name, cst.Name):
                self.program.aliases[each.asname.name.value] = f"{module}.{name}"
            else:
                self.program.aliases[name] = f"{module}.{name}"
                if self._depth == 0:
                    self.program.provided.add((module, name))

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        if self._depth == 0:
            self.program.defined.add(node.name.value)
        self._depth += 1

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        self._depth -= 1

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        if self._depth == 0:
            self.program.defined.add(node.name.value)
        self._depth += 1

    def leave_ClassDef(self, original_node: cst.ClassDef) -> None:
        self._depth -= 1

    def visit_Assign(self, node: cst.Assign) -> None:
        for each in node.targets:
            if isinstance(each.target, cst.Name):
                self.assigned.append((each.target.value, node.value, False))

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        if isinstance(node.target, cst.Name) and node.value is not None:
            self.assigned.append((node.target.value, node.value, False))

    def visit_WithItem(self, node: cst.WithItem) -> None:
        if node.asname is not None and isinstance(node.asname.name, cst.Name):
            self.assigned.append((node.asname.name.value, node.item, False))

    def visit_For(self, node: cst.For) -> None:
        if isinstance(node.target, cst.Name):
            self.assigned.append((node.target.value, node.iter, True))

    def visit_CompFor(self, node: cst.CompFor) -> None:
        if isinstance(node.target, cst.Name):
            self.assigned.append((node.target.value, node.iter, True))

    def visit_Call(self, node: cst.Call) -> None:
        match node:
            case cst.Call(func=cst.Attribute(attr=cst.Name(value="run")), args=[cst.Arg(value=cst.Call() as made), *_]):
                self.submitted.append(made)
        if dotted(node.func) not in {"min", "max", "sorted", "filter", "map"}:
            return
        lists = [arg.value for arg in node.args if not isinstance(arg.value, cst.Lambda)]
        for arg in node.args:
            if isinstance(arg.value, cst.Lambda) and len(arg.value.params.params) == 1 and lists:
                self.assigned.append((arg.value.params.params[0].name.value, lists[0], True))

    def visit_Arg(self, node: cst.Arg) -> None:
        # A filter of backends is a function with one backend as its argument.
        if (
            node.keyword is not None
            and node.keyword.value == "filters"
            and isinstance(node.value, cst.Lambda)
            and len(node.value.params.params) == 1
        ):
            self.program.kinds.setdefault(node.value.params.params[0].name.value, BACKEND)
