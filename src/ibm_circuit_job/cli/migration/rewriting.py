"""Rewrites the text of a program: expressions here, imports in ``imports``, calls of methods in ``methods``.

What is not understood stays as it is. Comments and formatting stay, but around what was replaced.
"""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from ibm_circuit_job.cli.migration import arguments, imports, methods, names
from ibm_circuit_job.cli.migration.account import Account, account_in, account_of, log_in_name
from ibm_circuit_job.cli.migration.methods import Asked
from ibm_circuit_job.cli.migration.names import Gone, Moved, Rewritten
from ibm_circuit_job.cli.migration.program import PROVIDER, Program, dotted, program_of
from ibm_circuit_job.cli.migration.remarks import Migrated, Remark


def migrated(source: str, *, backend: str | None = None) -> Migrated:
    """Return a rewritten program, with remarks about its lines.

    Args:
        source: The text of the program.
        backend: The name of a backend in the place of devices that are retired; by default these stay.

    Raises:
        ValueError: If the text is no Python; the message has the line.

    Example:
        >>> print(migrated("from qiskit_ibm_provider import IBMProvider  # accounts").text)
        from ibm_circuit_job import IBMProvider  # accounts
        >>> migrated("from qiskit import pulse").remarks[0].text
        "qiskit.pulse: IBM's devices take no pulses since 2025, and Qiskit 2 has no qiskit.pulse"
    """
    [(text, remarks)] = migrated_cells([source], backend=backend)
    return Migrated(text, tuple(remarks))


def migrated_cells(sources: Sequence[str], *, backend: str | None = None) -> list[tuple[str, list[Remark]]]:
    """Return the rewritten cells of a program, each with remarks about its lines.

    Args:
        sources: The texts, in their order.
        backend: As for :func:`migrated`.

    Raises:
        ValueError: If one of them is no Python; the message has the number of the text and the line.
    """
    modules = []
    for number, source in enumerate(sources, 1):
        try:
            modules.append(cst.parse_module(source))
        except cst.ParserSyntaxError as error:
            place = f"text {number}, " if len(sources) > 1 else ""
            raise ValueError(f"{place}line {error.raw_line} is no Python 3: {error.message}") from None
    program = program_of(modules)
    if not is_old(program):
        return [(source, []) for source in sources]
    account = account_of(program, modules)
    rewritten = []
    needed: set[tuple[str, str]] = set()
    for module in modules:
        expressions = _Expressions(program, account, needed, backend)
        rewritten.append((module.visit(expressions), _remarks(module, expressions.said)))
    done = imports.rewritten([module for module, _ in rewritten], program, needed)
    return [
        (module.code, sorted({*remarks, *of_imports}))
        for (module, of_imports), (_, remarks) in zip(done, rewritten, strict=True)
    ]


def _remarks(module: cst.Module, said: Sequence[tuple[cst.CSTNode, str, bool]]) -> list[Remark]:
    """Remarks with their lines, which take as long to find as the whole module takes to be rewritten."""
    if not said:
        return []
    places = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    return [Remark(places[node].start.line, text, is_left) for node, text, is_left in said]


def is_old(program: Program) -> bool:
    """Return whether a program uses Qiskit or one of the older clients."""
    imported = {name.partition(".")[0] for name in (*program.aliases.values(), *program.stars)}
    return bool(imported & {"qiskit", "qiskit_ibm_provider"})


class _Expressions(cst.CSTTransformer):
    """Rewrites all but the imports, and collects the names that the new code needs."""

    def __init__(self, program: Program, account: Account, needed: set[tuple[str, str]], backend: str | None) -> None:
        super().__init__()
        self._program = program
        self._accounts = [account]
        """The accounts of the program and of the functions around the present place, outermost first."""
        self._needed = needed
        self._backend = backend
        self.said: list[tuple[cst.CSTNode, str, bool]] = []
        """The remarks: the node that each is about, its text, and whether the node must be changed by hand."""
        self._fixed: set[cst.CSTNode] = set()
        """Names that are no expressions, and inner parts of attributes, which are looked at as a whole."""
        self._saved: list[cst.Comment] = []
        """Comments inside of replaced code. They are moved above the statement."""
        self._lines: list[cst.EmptyLine] = []
        """Lines above a dropped statement. They are moved above the next statement."""
        self._depth, self._blocks = 0, 0

    def _say(self, node: cst.CSTNode, text: str, *, is_left: bool) -> None:
        self.said.append((node, text, is_left))

    def _need(self, module: str, name: str) -> cst.Name:
        self._needed.add((module, name))
        return cst.Name(name)

    # What is not an expression.

    def visit_Import(self, node: cst.Import) -> bool:
        imports.say_of_import(node, lambda text, is_left: self._say(node, text, is_left=is_left))
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        imports.say_of_import(node, lambda text, is_left: self._say(node, text, is_left=is_left))
        return False

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._fixed.add(node.name)
        self._accounts.append(account_in(self._program, node))
        self._depth += 1

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        self._accounts.pop()
        self._depth -= 1
        return updated_node

    def visit_Param(self, node: cst.Param) -> None:
        self._fixed.add(node.name)

    def visit_Arg(self, node: cst.Arg) -> None:
        if node.keyword is not None:
            self._fixed.add(node.keyword)

    def visit_Attribute(self, node: cst.Attribute) -> None:
        self._fixed.add(node.attr)
        if dotted(node) is not None and self._program.full_name(node) is not None and self._moved(node):
            self._fixed.add(node.value)
            inner = node.value
            while isinstance(inner, cst.Attribute):
                inner = inner.value
                self._fixed.add(inner)

    # Names.

    def _moved(self, node: cst.BaseExpression) -> Moved | None:
        found = self._program.fate(node)
        return found if isinstance(found, Moved) else None

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        if original_node in self._fixed:
            return updated_node
        return self._renamed(original_node, updated_node)

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        if original_node in self._fixed:
            return updated_node
        program = self._program
        value, name = original_node.value, original_node.attr.value
        # provider.backends.ibmq_vigo
        if (
            isinstance(value, cst.Attribute)
            and value.attr.value in {"backends", "backend"}
            and name not in {"backends", "jobs", "job", "retrieve_job", "least_busy"}
            and not name.startswith("_")
            and program.kind(value.value) == PROVIDER
            and isinstance(updated_node.value, cst.Attribute)
        ):
            literal = self._name_of_backend(original_node, name)
            return arguments.method(updated_node.value.value, "get_backend", [cst.Arg(literal)])
        return self._renamed(original_node, updated_node)

    def _name_of_backend(self, node: cst.CSTNode, name: str) -> cst.SimpleString:
        if names.is_retired_device(name):
            if self._backend is not None:
                self._say(node, f"{name} is retired; {self._backend} takes its place", is_left=False)
                return cst.SimpleString(f'"{self._backend}"')
            self._say(node, f"{name} is retired; name another backend, or give --backend", is_left=True)
        elif name in names.RETIRED_SIMULATORS:
            self._say(node, f"{name} is retired; AerSimulator() of qiskit_aer takes its place", is_left=True)
        elif name == names.CLOUD_SIMULATOR:
            self._say(node, f"{name} is retired at IBM; a service on this machine has it", is_left=False)
        return cst.SimpleString(f'"{name}"')

    def _renamed(self, original: cst.Name | cst.Attribute, updated: cst.Name | cst.Attribute) -> cst.BaseExpression:
        """The present spelling of a name."""
        found = self._program.fate(original)
        name = dotted(original) or ""
        match found:
            case Moved(module=module, name=new):
                root, _, rest = name.partition(".")
                alias = self._program.aliases.get(root, "")
                if rest and alias in names.OLD_PACKAGES:
                    # import qiskit_ibm_provider as old: the alias stays.
                    return cst.Attribute(cst.Name(names.PACKAGE if root == alias else root), cst.Name(new))
                if rest and alias in names.MOVED_MODULES:
                    return updated
                if rest:
                    return self._need(module, new)
                # from ... import X as Y: the alias stays.
                imported = alias or self._program.full_name(original) or ""
                if imported.rpartition(".")[2] == name:
                    return self._need(module, new)
            case Rewritten():
                self._say(original, f"{name} is no more, and only its calls can be rewritten", is_left=True)
            case Gone(reason=reason) if root_is_star(self._program, name) or self._is_of_module(name):
                self._say(original, f"{name}: {reason}", is_left=True)
        return updated

    def _is_of_module(self, name: str) -> bool:
        """Whether a name begins with an older client that is imported as a module."""
        root, _, rest = name.partition(".")
        return bool(rest) and self._program.aliases.get(root, "") in names.OLD_PACKAGES

    # Calls.

    def visit_Call(self, node: cst.Call) -> None:
        # What is called is looked at with its arguments.
        if isinstance(self._program.fate(node.func), Rewritten):
            self._fixed.add(node.func)
        if isinstance(node.func, cst.Attribute) and isinstance(self._program.fate(node.func.value), Rewritten):
            self._fixed.add(node.func.value)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        program = self._program
        asked = Asked(
            program,
            self._account.name,
            original_node,
            need=self._need,
            note=lambda text: self._say(original_node, text, is_left=False),
            left=lambda text: self._say(original_node, text, is_left=True),
            backend_name=lambda name: self._name_of_backend(original_node, name),
            is_inside_function=self._depth > 0,
        )
        done = self._called(original_node, updated_node, asked)
        if done is not updated_node and (before := arguments.comments_in([updated_node])):
            remaining = {comment.value for comment in arguments.comments_in([done])}
            self._saved += [comment for comment in before if comment.value not in remaining]
        return done

    def _called(  # noqa: C901, PLR0911 - a table of names, each with its own function
        self, original: cst.Call, updated: cst.Call, asked: Asked
    ) -> cst.BaseExpression:
        program = self._program
        found = program.fate(original.func)
        match found:
            case Rewritten(name=names.EXECUTE):
                return methods.executed(original, updated, asked)
            case Rewritten(name=names.ASSEMBLE):
                return methods.assembled(updated, asked)
            case Rewritten(name=names.REGISTER):
                return methods.logged_in(updated, asked)
            case Rewritten(name=names.JOB_MANAGER):
                return cst.Name("None")
            case Moved(name="IBMProvider"):
                return updated.with_changes(args=arguments.for_provider(updated.args, asked.note))
            case Moved(name="job_monitor"):
                return methods.monitored(updated, asked)
        if not isinstance(original.func, cst.Attribute) or not isinstance(updated.func, cst.Attribute):
            return updated
        if program.is_rewritten(original.func.value, names.IBMQ):
            return methods.of_ibmq(original, updated, asked)
        if program.is_rewritten(original.func.value, names.BASIC_AER):
            return methods.of_basic_aer(updated, asked)
        if self._moved(original.func.value) == Moved("qiskit_aer", "Aer") and original.func.attr.value == "get_backend":
            return methods.of_aer(updated)
        return methods.of_object(original.func, updated, updated.func, asked)

    # Statements.

    def leave_Expr(self, original_node: cst.Expr, updated_node: cst.Expr) -> cst.BaseSmallStatement:
        call = original_node.value
        if isinstance(call, cst.Call) and log_in_name(self._program, call):
            if self._account.name is not None:
                return cst.Assign([cst.AssignTarget(cst.Name(self._account.name))], updated_node.value)
            if self._account.is_dropped and self._depth == 0:
                return cst.Pass()
        if (
            isinstance(updated_node.value, cst.Name)
            and updated_node.value.value == "None"
            and isinstance(call, cst.Call)
        ):
            # There is nothing to disable.
            return cst.Pass()
        return updated_node

    @property
    def _account(self) -> Account:
        """The account at this place."""
        return next((each for each in reversed(self._accounts) if each.name is not None), self._accounts[0])

    def leave_Assign(self, original_node: cst.Assign, updated_node: cst.Assign) -> cst.BaseSmallStatement:
        value = original_node.value
        if isinstance(value, cst.Call) and self._program.is_rewritten(value.func, names.JOB_MANAGER):
            # Its backend submits instead.
            return cst.Pass()
        return updated_node

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement] | cst.RemovalSentinel:
        leading = [*self._lines, *updated_node.leading_lines, *arguments.lines_of(self._saved)]
        self._saved, self._lines = [], []
        is_dropped = isinstance(updated_node.body[0], cst.Pass) and isinstance(
            original_node.body[0], cst.Expr | cst.Assign
        )
        if is_dropped and self._blocks == 0 and len(updated_node.body) == 1:
            comment = updated_node.trailing_whitespace.comment
            self._lines = [*leading, *arguments.lines_of([comment] if comment else [])]
            return cst.RemoveFromParent()
        updated_node = updated_node.with_changes(leading_lines=leading)
        block = methods.conditioned(updated_node)
        if block is None and ".c_if(" in cst.Module([]).code_for_node(updated_node):
            self._say(original_node, "c_if was removed from Qiskit; if_test takes its place", is_left=True)
        return block or updated_node

    def visit_IndentedBlock(self, node: cst.IndentedBlock) -> None:
        self._blocks += 1

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        self._blocks -= 1
        return updated_node

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        return updated_node.with_changes(footer=[*self._lines, *updated_node.footer]) if self._lines else updated_node


def root_is_star(program: Program, name: str) -> bool:
    """Return whether a name came with all names of a module, so that no import names it."""
    return name.partition(".")[0] not in program.aliases
