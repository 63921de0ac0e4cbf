"""Rewrites the imports of a program in place, and adds the imports that the new code needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import libcst as cst

from ibm_circuit_job.cli.migration import names
from ibm_circuit_job.cli.migration.arguments import comments_in, lines_of
from ibm_circuit_job.cli.migration.names import Gone, Moved, Rewritten
from ibm_circuit_job.cli.migration.program import Program, dotted
from ibm_circuit_job.cli.migration.remarks import Remark

_OF_REWRITTEN: Final = {
    names.IBMQ: ((names.PACKAGE, "IBMProvider"),),
    names.REGISTER: ((names.PACKAGE, "IBMProvider"),),
    names.EXECUTE: (("qiskit", "transpile"),),
    names.BASIC_AER: (("qiskit.providers.basic_provider", "BasicSimulator"), ("qiskit_aer", "Aer")),
    names.ASSEMBLE: (),
    names.JOB_MANAGER: (),
}
"""Name whose uses were rewritten -> the names that the new code may need."""


def say_of_import(node: cst.Import | cst.ImportFrom, say: Callable[[str, bool], None]) -> None:
    """Report the imported names that do not exist any more.

    Args:
        node: The import.
        say: Adds a remark; its second argument says whether the line must be changed by hand.
    """
    if isinstance(node, cst.Import):
        imported = [dotted(each.name) or "" for each in node.names]
    elif isinstance(node.names, cst.ImportStar):
        imported = [dotted(node.module) or ""]
    else:
        imported = [f"{dotted(node.module)}.{dotted(each.name)}" for each in node.names]
    for name in imported:
        if isinstance(node, cst.ImportFrom) and node.relative:
            continue
        found = names.fate(name)
        if isinstance(found, Gone):
            say(f"{name}: {found.reason}", not found.is_dropped)


def rewritten(
    modules: Sequence[cst.Module], program: Program, needed: set[tuple[str, str]]
) -> list[tuple[cst.Module, list[Remark]]]:
    """Return modules with rewritten imports.

    Args:
        modules: The cells of the program, whose expressions are rewritten.
        program: The names of the program before it is rewritten.
        needed: The names that it needs now, each with its module.
    """
    imports = _Imports(program, needed)
    done = [module.visit(imports) for module in modules]
    missing = needed - imports.provided - imports.inside
    if missing:
        done = _added(done, sorted(missing))
    return [(module, []) for module in done]


class _Imports(cst.CSTTransformer):
    """Replaces the old imports. Outside of blocks, each name is imported once."""

    def __init__(self, program: Program, needed: set[tuple[str, str]]) -> None:
        super().__init__()
        self._needed = needed
        self._emptied: list[cst.SimpleStatementLine] = []
        """The lines that became empty."""
        self.provided = {pair for pair in program.provided if not names.fate(".".join(pair))}
        self.inside: set[tuple[str, str]] = set()
        """The names that are imported inside blocks, as in functions, with their modules."""
        self._depth = 0

    def visit_IndentedBlock(self, node: cst.IndentedBlock) -> None:
        self._depth += 1

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        self._depth -= 1
        return updated_node

    def _new(self, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """The names to import in this place. All names of this package are imported with the first of them."""
        if self._depth:
            found = list(pairs)
            self.inside.update(found)
            return found
        found = [pair for pair in dict.fromkeys(pairs) if pair not in self.provided]
        if any(module == names.PACKAGE for module, _ in found):
            found = sorted({*found, *(pair for pair in self._needed - self.provided if pair[0] == names.PACKAGE)})
        self.provided.update(found)
        return found

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        if not any(isinstance(each, cst.Import | cst.ImportFrom) for each in updated_node.body):
            return updated_node
        small: list[cst.BaseSmallStatement] = []
        lost: list[cst.Comment] = []
        for each in updated_node.body:
            if isinstance(each, cst.ImportFrom):
                made = self._from(each)
            elif isinstance(each, cst.Import):
                made = self._import(each)
            else:
                made = [each]
            stayed = {comment.value for comment in comments_in(made)}
            lost += [comment for comment in comments_in([each]) if comment.value not in stayed]
            small += made
        if small == list(updated_node.body):
            return updated_node
        if not small:
            comment = updated_node.trailing_whitespace.comment
            leading = [*updated_node.leading_lines, *lines_of([*lost, *([comment] if comment else [])])]
            # A block cannot be empty; of a module it is dropped.
            self._emptied.append(cst.SimpleStatementLine([cst.Pass()], leading_lines=leading))
            return self._emptied[-1]
        lines = [cst.SimpleStatementLine([each.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)]) for each in small]
        lines[0] = lines[0].with_changes(
            leading_lines=[*updated_node.leading_lines, *lines_of(lost)],
            trailing_whitespace=updated_node.trailing_whitespace,
        )
        return cst.FlattenSentinel(lines)

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        """Drop the lines that became empty."""
        emptied = {id(each) for each in self._emptied}
        body: list[cst.BaseStatement] = []
        waiting: list[cst.EmptyLine] = []
        for each in updated_node.body:
            if isinstance(each, cst.SimpleStatementLine):
                if id(each) in emptied:
                    waiting += each.leading_lines
                    continue
                body.append(each.with_changes(leading_lines=[*waiting, *each.leading_lines]) if waiting else each)
            elif waiting and hasattr(each, "leading_lines"):
                body.append(each.with_changes(leading_lines=[*waiting, *each.leading_lines]))
            else:
                body.append(each)
            waiting = []
        return updated_node.with_changes(body=body, footer=[*waiting, *updated_node.footer])

    def _import(self, node: cst.Import) -> list[cst.BaseSmallStatement]:
        stay: list[cst.ImportAlias] = []
        more: list[cst.BaseSmallStatement] = []
        for each in node.names:
            name = dotted(each.name) or ""
            found = names.fate(f"{name}.x") if name in names.MOVED_MODULES else names.fate(name)
            module = next(
                (f"{new}{name.removeprefix(old)}" for old, new in names.MOVED_MODULES.items() if _is_in(name, old)),
                None,
            )
            if name in names.OLD_PACKAGES or any(_is_in(name, old) for old in names.OLD_PACKAGES):
                if isinstance(found, Gone) and not found.is_dropped and name not in names.OLD_PACKAGES:
                    stay.append(each)
                elif not (isinstance(found, Gone) and found.is_dropped):
                    stay.append(each.with_changes(name=cst.Name(names.PACKAGE)))
            elif isinstance(found, Gone) and found.is_dropped:
                continue
            elif module is not None and each.asname is not None:
                stay.append(each.with_changes(name=_module(module)))
            elif module is not None:
                # The uses of the name were rewritten to other names.
                continue
            else:
                stay.append(each)
        if [id(each) for each in stay] == [id(each) for each in node.names]:
            return [node]
        if stay:
            stay[-1] = stay[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
            more.insert(0, node.with_changes(names=stay))
        return more

    def _from(self, node: cst.ImportFrom) -> list[cst.BaseSmallStatement]:
        module = dotted(node.module)
        if module is None or node.relative:
            return [node]
        if isinstance(node.names, cst.ImportStar):
            return self._star(node, module)
        stay, moved = self._sorted(node.names, module)
        if stay and len(stay) == len(node.names):
            same = all(one is other for one, other in zip(stay, node.names, strict=True))
            return [node if same else node.with_changes(names=stay), *_lines_of_modules(moved)]
        made: list[cst.BaseSmallStatement] = []
        if stay and module in moved:
            stay += [_alias(name, asname) for name, asname in moved.pop(module)]
        if stay:
            made.append(node.with_changes(names=_listed(node, stay)))
        return [*made, *_lines_of_modules(moved)]

    def _sorted(
        self, aliases: Sequence[cst.ImportAlias], module: str
    ) -> tuple[list[cst.ImportAlias], dict[str, list[tuple[str, cst.AsName | None]]]]:
        """The names of an import that remain, and by module the names that have moved."""
        stay: list[cst.ImportAlias] = []
        moved: dict[str, list[tuple[str, cst.AsName | None]]] = {}
        for each in aliases:
            name = dotted(each.name) or ""
            match names.fate(f"{module}.{name}"):
                case Rewritten(name=names.EXECUTE) if module == "qiskit" and each.asname is None:
                    # At its old place.
                    if self._new(pair for pair in _OF_REWRITTEN[names.EXECUTE] if pair in self._needed):
                        stay.append(each.with_changes(name=cst.Name("transpile")))
                case Rewritten(name=was):
                    for pair in self._new(pair for pair in _OF_REWRITTEN[was] if pair in self._needed):
                        moved.setdefault(pair[0], []).append((pair[1], None))
                case Moved(module=new_module, name=new):
                    pairs = [(new_module, new)]
                    for at, what in pairs if each.asname is not None else self._new(pairs):
                        moved.setdefault(at, []).append((what, each.asname))
                case Gone(is_dropped=True):
                    pass
                case _:
                    stay.append(each)
        return stay, moved

    def _star(self, node: cst.ImportFrom, module: str) -> list[cst.BaseSmallStatement]:
        """The names that a program needs instead of all names of a module."""
        gone = names.fate(module)
        if isinstance(gone, Gone):
            return [] if gone.is_dropped else [node]
        new = next(
            (f"{new}{module.removeprefix(old)}" for old, new in names.MOVED_MODULES.items() if _is_in(module, old)),
            None,
        )
        if new is not None:
            return [node.with_changes(module=_module(new))]
        if any(_is_in(module, old) for old in names.OLD_PACKAGES) or module == "qiskit.tools.monitor":
            pairs = self._new(sorted(pair for pair in self._needed if pair[0] == names.PACKAGE))
            return (
                [cst.ImportFrom(_module(names.PACKAGE), _commas([_alias(name) for _, name in pairs]))] if pairs else []
            )
        return [node]


def _added(modules: list[cst.Module], pairs: Sequence[tuple[str, str]]) -> list[cst.Module]:
    """Modules with imports, below the first one of Qiskit or of this package."""
    by_module: dict[str, list[str]] = {}
    for module, name in pairs:
        by_module.setdefault(module, []).append(name)
    new = [
        cst.SimpleStatementLine([cst.ImportFrom(_module(module), _commas([_alias(name) for name in found]))])
        for module, found in by_module.items()
    ]
    for number, each in enumerate(modules):
        for place, statement in enumerate(each.body):
            if _imports_qiskit(statement):
                body = [*each.body[: place + 1], *new, *each.body[place + 1 :]]
                return [*modules[:number], each.with_changes(body=body), *modules[number + 1 :]]
    first = modules[0]
    place = next((n for n, statement in enumerate(first.body) if not _is_head(statement)), len(first.body))
    return [first.with_changes(body=[*first.body[:place], *new, *first.body[place:]]), *modules[1:]]


def _lines_of_modules(moved: dict[str, list[tuple[str, cst.AsName | None]]]) -> list[cst.BaseSmallStatement]:
    """An import for each module."""
    return [
        cst.ImportFrom(_module(new), _commas([_alias(name, asname) for name, asname in pairs]))
        for new, pairs in moved.items()
    ]


def _imports_qiskit(statement: cst.CSTNode) -> bool:
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    for each in statement.body:
        imported: list[str] = []
        if isinstance(each, cst.ImportFrom):
            imported = [dotted(each.module) or ""]
        elif isinstance(each, cst.Import):
            imported = [dotted(alias.name) or "" for alias in each.names]
        if any(name.partition(".")[0] in {"qiskit", "qiskit_aer", names.PACKAGE} for name in imported):
            return True
    return False


def _is_head(statement: cst.CSTNode) -> bool:
    """Whether a statement must remain above all imports."""
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    first = statement.body[0]
    if isinstance(first, cst.ImportFrom):
        return dotted(first.module) == "__future__"
    return isinstance(first, cst.Expr) and isinstance(first.value, cst.SimpleString | cst.ConcatenatedString)


def _is_in(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def _module(name: str) -> cst.Name | cst.Attribute:
    found = cst.parse_expression(name)
    assert isinstance(found, cst.Name | cst.Attribute)  # noqa: S101 - for the type checker
    return found


def _alias(name: str, asname: cst.AsName | None = None) -> cst.ImportAlias:
    return cst.ImportAlias(cst.Name(name), asname=asname)


def _commas(aliases: Sequence[cst.ImportAlias]) -> list[cst.ImportAlias]:
    """The names of one import, separated by commas."""
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    return [
        each.with_changes(comma=cst.MaybeSentinel.DEFAULT if number == len(aliases) - 1 else comma)
        for number, each in enumerate(aliases)
    ]


def _listed(node: cst.ImportFrom, aliases: Sequence[cst.ImportAlias]) -> list[cst.ImportAlias]:
    """The names of an existing import, with its line breaks."""
    if node.lpar is None:
        return _commas(aliases)
    plain = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    found = [each if isinstance(each.comma, cst.Comma) else each.with_changes(comma=plain) for each in aliases]
    # The last one ends as the last one did.
    last = node.names[-1].comma if not isinstance(node.names, cst.ImportStar) else cst.MaybeSentinel.DEFAULT
    return [*found[:-1], found[-1].with_changes(comma=last)]
