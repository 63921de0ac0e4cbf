"""Rewrites calls of the older clients, one by one."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst
from attrs import frozen

from ibm_circuit_job.cli.migration import names
from ibm_circuit_job.cli.migration.arguments import (
    flat,
    for_provider,
    for_run,
    joined,
    keyword,
    method,
    named,
    split_execute,
    text_of,
    with_tag,
    without_instance,
)
from ibm_circuit_job.cli.migration.names import Moved
from ibm_circuit_job.cli.migration.program import JOB, JOB_SET, LOG_INS, MANAGER, PROVIDER, Program, dotted


@frozen
class Asked:
    """The context of a call that is rewritten."""

    program: Program
    account: str | None
    """The name of the account that ``IBMQ`` had; ``None`` where each use logs in."""
    original: cst.Call
    """The call as it was."""
    need: Callable[[str, str], cst.Name]
    """Return a name of a module, and import it."""
    note: Callable[[str], None]
    """Add a remark that the line was changed, and its meaning differs from before."""
    left: Callable[[str], None]
    """Add a remark that the line must be changed by hand."""
    backend_name: Callable[[str], cst.SimpleString]
    """Return the literal for the name of a backend, and add a remark if it is retired."""
    is_inside_function: bool


def executed(original: cst.Call, updated: cst.Call, asked: Asked) -> cst.BaseExpression:
    """Return ``execute()`` as ``backend.run(transpile())``."""
    parts = split_execute(updated, asked.note)
    if isinstance(parts, str):
        asked.left(f"{parts} cannot be rewritten")
        return updated
    circuits, backend, transpiling, running, pass_manager = parts
    if any(arg.keyword is not None and arg.keyword.value == "parameter_binds" for arg in running):
        asked.left("run() takes no parameter_binds: give it a list of circuit.assign_parameters(values)")
    runs_on, repeated = backend.value, backend.value
    if not isinstance(backend.value, cst.Name | cst.Attribute) and not _is_look_up(backend.value):
        # The expression is evaluated once.
        name = cst.Name(asked.program.free_name("execute_backend"))
        runs_on = cst.NamedExpr(name, backend.value, lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        repeated = name
    if pass_manager is not None:
        prepared = method(pass_manager.value, "run", [cst.Arg(circuits.value)])
    else:
        options = [flat(arg) for arg in transpiling]
        prepared = cst.Call(_transpile(original, asked), joined([cst.Arg(circuits.value), cst.Arg(repeated), *options]))
    first = circuits.with_changes(keyword=None, equal=cst.MaybeSentinel.DEFAULT, value=prepared)
    return updated.with_changes(func=cst.Attribute(runs_on, cst.Name("run")), args=joined([first, *running]))


def _is_look_up(node: cst.BaseExpression) -> bool:
    """Whether an expression finds a backend by its name, which may be evaluated twice."""
    literal = (cst.SimpleString, cst.Name, cst.Integer)
    match node:
        case cst.Call(func=cst.Attribute(value=of, attr=cst.Name(value="get_backend")), args=args):
            return dotted(of) is not None and all(isinstance(arg.value, literal) for arg in args)
        case cst.Subscript(value=of, slice=[cst.SubscriptElement(slice=cst.Index(value=index))]):
            return dotted(of) is not None and isinstance(index, literal)
        case _:
            return False


def _transpile(original: cst.Call, asked: Asked) -> cst.BaseExpression:
    name = dotted(original.func) or ""
    if name == "qiskit.execute":
        return cst.Attribute(cst.Name("qiskit"), cst.Name("transpile"))
    return asked.need("qiskit", "transpile")


def assembled(updated: cst.Call, asked: Asked) -> cst.BaseExpression:
    """Return the circuits of a call of ``assemble()``. Its other arguments become arguments of ``run()``."""
    is_plain = updated.args and not any(arg.star for arg in updated.args)
    has_place = asked.original in asked.program.submitted or not options_of_assembly(updated)
    if is_plain and has_place and len([arg for arg in updated.args if arg.keyword is None]) <= 2:
        return updated.args[0].value
    asked.left("assemble() was removed from Qiskit; give the circuits and the options to run()")
    return updated


def options_of_assembly(call: cst.Call) -> list[cst.Arg]:
    """Return the arguments of ``assemble()`` that become arguments of ``run()``."""
    return [
        flat(arg)
        for arg in call.args
        if arg.keyword is not None and arg.keyword.value not in {"backend", "experiments"}
    ]


def logged_in(updated: cst.Call, asked: Asked) -> cst.Call:
    """Return a log-in of ``IBMQ`` as a provider."""
    return updated.with_changes(
        func=asked.need(names.PACKAGE, "IBMProvider"), args=for_provider(updated.args, asked.note, of_ibmq=True)
    )


def of_ibmq(  # noqa: C901, PLR0911, PLR0912 - a table of its functions, each in a line or two
    original: cst.Call, updated: cst.Call, asked: Asked
) -> cst.BaseExpression:
    """Return a rewritten call of ``IBMQ``, which was one account for the whole process."""
    if not isinstance(updated.func, cst.Attribute):
        return updated
    name = updated.func.attr.value
    if name in LOG_INS:
        if asked.is_inside_function and name == "enable_account" and asked.account is None:
            asked.note("the account is what this call returns; other functions do not have it, so pass it on")
        return logged_in(updated, asked)
    provider_class = asked.need(names.PACKAGE, "IBMProvider")
    provider: cst.BaseExpression = cst.Name(asked.account) if asked.account is not None else cst.Call(provider_class)
    match name:
        case "get_provider":
            for_provider(updated.args, asked.note, of_ibmq=True)
            return provider
        case "providers":
            return cst.List([cst.Element(provider)])
        case "get_backend" | "backends":
            return of_object(
                original.func, method(provider, name, updated.args), cst.Attribute(provider, cst.Name(name)), asked
            )
        case "active_account":
            return method(provider, "active_account")
        case "save_account" | "update_account":
            args = for_provider(updated.args, asked.note, of_ibmq=True)
            if name == "update_account" and named(updated, "overwrite") is None:
                args = joined([*args, keyword("overwrite", cst.Name("True"))])
            return method(provider_class, "save_account", args)
        case "stored_account" | "stored_accounts":
            asked.note("saved_accounts() returns all accounts, name by name")
            return method(provider_class, "saved_accounts")
        case "delete_account" | "delete_accounts":
            return method(provider_class, "delete_account")
        case "disable_account" | "disable_accounts":
            # An account that has no name has no connections that stay open.
            return cst.Name("None") if asked.account is None else method(provider, "close")
        case _:
            asked.left(f"IBMQ.{name}() is not known")
            return updated


def of_basic_aer(updated: cst.Call, asked: Asked) -> cst.BaseExpression:
    """Return a rewritten call of ``BasicAer``."""
    name = text_of(updated.args[0]) if updated.args else None
    if name == "qasm_simulator":
        return cst.Call(asked.need("qiskit.providers.basic_provider", "BasicSimulator"))
    asked.note("BasicAer was removed from Qiskit; Aer of qiskit_aer has this simulator")
    return updated.with_changes(func=cst.Attribute(asked.need("qiskit_aer", "Aer"), cst.Name("get_backend")))


def of_aer(updated: cst.Call) -> cst.Call:
    """Return a rewritten call of ``Aer``. ``qasm_simulator`` runs no control flow, to which ``c_if`` is rewritten."""
    if text_of(updated.args[0] if updated.args else None) != "qasm_simulator":
        return updated
    simulator = updated.args[0].with_changes(value=cst.SimpleString('"aer_simulator"'))
    return updated.with_changes(args=[simulator, *updated.args[1:]])


def monitored(updated: cst.Call, asked: Asked) -> cst.Call:
    """Return ``job_monitor()`` with its present arguments."""
    ended = {"monitor_async", "quiet", "line_discipline"}
    found: list[cst.Arg] = []
    for number, arg in enumerate(updated.args):
        if arg.keyword is not None and arg.keyword.value in ended:
            asked.note(f"{arg.keyword.value} is left out: job_monitor has no such argument")
        elif arg.keyword is None and number > 1:
            asked.note("the arguments after the interval are left out: job_monitor has job, interval and output")
        else:
            found.append(arg)
    return updated.with_changes(args=joined(found))


def of_object(  # noqa: C901, PLR0911, PLR0912 - a table of methods, each in a line or two
    original: cst.BaseExpression, updated: cst.Call, called: cst.Attribute, asked: Asked
) -> cst.BaseExpression:
    """Return the rewritten call of a method of an object.

    Args:
        original: What was called, as it was.
        updated: The call, whose inner parts are rewritten.
        called: What is called.
        asked: The program around it.
    """
    program, name, of = asked.program, called.attr.value, called.value
    was_of = original.value if isinstance(original, cst.Attribute) else of
    kind = program.kind(was_of)
    if kind == JOB_SET:
        return _of_job_set(updated, of, name, asked)
    if kind == MANAGER:
        return _of_manager(updated, name, asked)
    if name in names.CIRCUIT_METHODS and kind is None:
        return updated.with_changes(func=called.with_changes(attr=cst.Name(names.CIRCUIT_METHODS[name])))
    if name == "u2" and len(updated.args) == 3:
        half = cst.Arg(cst.BinaryOperation(asked.need("math", "pi"), cst.Divide(), cst.Integer("2")))
        return method(of, "u", [half, *updated.args])
    if name == "qasm" and not updated.args and kind is None:
        return method(asked.need("qiskit", "qasm2"), "dumps", [cst.Arg(of)])
    if name in {"name", "version", "provider"} and not updated.args and program.may_be_backend(was_of):
        return cst.Attribute(of, cst.Name({"version": "backend_version"}.get(name, name)))
    found = program.fate(was_of)
    if name == "save_account" and isinstance(found, Moved) and found.name == "IBMProvider":
        return updated.with_changes(args=for_provider(updated.args, asked.note))
    if kind == PROVIDER and name in {"get_backend", "backends", "jobs"}:
        updated = updated.with_changes(args=without_instance(updated.args, asked.note))
    if name == "get_backend" and updated.args and (text := text_of(updated.args[0])) is not None:
        if kind == PROVIDER or program.is_rewritten(was_of, names.IBMQ):
            literal = asked.backend_name(text)
            if literal.evaluated_value != text:
                return updated.with_changes(args=[updated.args[0].with_changes(value=literal), *updated.args[1:]])
        return updated
    if name in {"jobs", "job", "retrieve_job", "least_busy"} and _is_service(was_of, program):
        return _of_service(updated, of, name, asked)
    if kind == PROVIDER and name in {"jobs", "backends"}:
        return updated.with_changes(args=_for_jobs(updated.args, asked) if name == "jobs" else updated.args)
    if kind == PROVIDER and name in {"run_circuits", "has_service", "services", "service", "has_services"}:
        asked.left(f"providers have no {name}()")
    if program.may_be_backend(was_of):
        return _of_backend(updated, of, name, asked)
    if kind == JOB or (kind is None and name == "update_tags"):
        return _of_job(updated, of, name, asked)
    return updated


def _is_service(node: cst.BaseExpression, program: Program) -> bool:
    """Whether an expression is ``provider.backends``, as in ``provider.backends.jobs()``."""
    return (
        isinstance(node, cst.Attribute)
        and node.attr.value in {"backends", "backend"}
        and program.kind(node.value) == PROVIDER
    )


def _of_service(updated: cst.Call, of: cst.BaseExpression, name: str, asked: Asked) -> cst.BaseExpression:
    if not isinstance(of, cst.Attribute):
        return updated
    if name == "least_busy":
        asked.left("give least_busy() the backends: least_busy(provider.backends(...))")
        return updated
    args = _for_jobs(updated.args, asked) if name == "jobs" else updated.args
    return updated.with_changes(func=cst.Attribute(of.value, cst.Name(_JOBS.get(name, name))), args=args)


_JOBS = {"job": "retrieve_job"}


def _for_jobs(args: object, asked: Asked) -> list[cst.Arg]:
    found: list[cst.Arg] = []
    label: cst.Arg | None = None
    for arg in args if isinstance(args, list | tuple) else ():
        name = arg.keyword.value if arg.keyword is not None else None
        if name == "job_name":
            asked.note("jobs are looked for by the tag that was their name")
            label = arg
        elif name in {"job_tags_operator", "db_filter", "experiment_id", "active_only", "share_level"}:
            asked.left(f"jobs() has no {name}; filter the list that it returns")
            found.append(arg)
        else:
            found.append(arg)
    return with_tag(found, label)


def _of_backend(updated: cst.Call, of: cst.BaseExpression, name: str, asked: Asked) -> cst.BaseExpression:
    provider = cst.Attribute(of, cst.Name("provider"))
    own_name = keyword("backend_name", cst.Attribute(of, cst.Name("name")))
    match name:
        case "run":
            return updated.with_changes(args=for_run([*updated.args, *_of_assembly(updated, asked)], asked.note))
        case "retrieve_job":
            return updated.with_changes(func=cst.Attribute(provider, cst.Name(name)))
        case "jobs":
            return method(provider, name, [*_for_jobs(updated.args, asked), own_name])
        case "active_jobs":
            return method(provider, "jobs", [*updated.args, keyword("status", cst.SimpleString('"pending"')), own_name])
        case "job_limit" | "remaining_jobs_count" | "reservations" | "defaults":
            asked.left(f"backends have no {name}()")
    return updated


def _of_assembly(run: cst.Call, asked: Asked) -> list[cst.Arg]:
    """The arguments of ``assemble()`` about the job, besides its circuits."""
    given = {arg.keyword.value for arg in run.args if arg.keyword is not None}
    circuits = asked.original.args[0].value if asked.original.args else None
    call = asked.program.assembled.get(circuits.value) if isinstance(circuits, cst.Name) else circuits
    if not isinstance(call, cst.Call) or not asked.program.is_rewritten(call.func, names.ASSEMBLE):
        return []
    return [arg for arg in options_of_assembly(call) if arg.keyword is not None and arg.keyword.value not in given]


def _of_job(updated: cst.Call, of: cst.BaseExpression, name: str, asked: Asked) -> cst.BaseExpression:
    match name:
        case "update_tags":
            replaced, more, fewer = (
                named(updated, f"{which}_tags") for which in ("replacement", "additional", "removal")
            )
            if replaced is not None:
                return method(of, name, [cst.Arg(replaced.value)])
            if fewer is not None:
                asked.left("update_tags() replaces all tags: give it those that are to stay")
            elif more is not None:
                both = cst.List([cst.StarredElement(method(of, "tags")), cst.StarredElement(more.value)])
                return method(of, name, [cst.Arg(both)])
        case "qobj":
            asked.left("there are no Qobj any more; job.circuits() returns the circuits")
        case "share_level":
            asked.left("jobs are not shared any more")
    return updated


def _of_manager(updated: cst.Call, name: str, asked: Asked) -> cst.BaseExpression:
    backend = named(updated, "backend") or (
        updated.args[1] if len(updated.args) > 1 and not updated.args[1].keyword else None
    )
    if name != "run" or backend is None:
        asked.left(f"nothing replaces IBMQJobManager.{name}(); provider.jobs(job_tags=[...]) finds jobs")
        return updated
    rest: list[cst.Arg] = []
    label: cst.Arg | None = None
    for arg in updated.args:
        if arg is backend or (arg.keyword is not None and arg.keyword.value == "max_experiments_per_job"):
            continue
        if arg.keyword is not None and arg.keyword.value == "name":
            label = arg
        else:
            rest.append(arg)
    asked.note("one job runs all circuits; the name of the set is its tag")
    return updated.with_changes(
        func=cst.Attribute(backend.value, cst.Name("run")), args=with_tag(for_run(rest, asked.note), label)
    )


def _of_job_set(updated: cst.Call, of: cst.BaseExpression, name: str, asked: Asked) -> cst.BaseExpression:
    match name:
        case "results":
            return method(of, "result", [arg for arg in updated.args if arg.keyword and arg.keyword.value == "timeout"])
        case "statuses":
            return cst.List([cst.Element(method(of, "status"))])
        case "jobs":
            return cst.List([cst.Element(of)])
        case "job_set_id":
            return method(of, "job_id")
        case "error_messages":
            return method(of, "error_message")
        case "managed_jobs" | "job" | "report" | "qobjs" | "retrieve_jobs" | "combine_results":
            asked.left(f"one job has replaced the set of jobs; it has no {name}()")
    return updated


def conditioned(statement: cst.SimpleStatementLine) -> cst.BaseStatement | None:
    """Return ``circuit.x(0).c_if(bits, 1)`` as an ``if_test`` block; ``None`` for any other statement."""
    match statement.body:
        case [
            cst.Expr(
                value=cst.Call(
                    func=cst.Attribute(
                        value=cst.Call(func=cst.Attribute(value=circuit)) as gate, attr=cst.Name(value="c_if")
                    ),
                    args=[cst.Arg(value=bits), cst.Arg(value=value)],
                )
            )
        ]:
            if isinstance(bits, cst.Integer):
                bits = cst.Subscript(
                    cst.Attribute(circuit, cst.Name("clbits")), [cst.SubscriptElement(cst.Index(bits))]
                )
            condition = cst.Tuple([cst.Element(bits), cst.Element(value)])
            return cst.With(
                [cst.WithItem(method(circuit, "if_test", [cst.Arg(condition)]))],
                cst.IndentedBlock(
                    [cst.SimpleStatementLine([cst.Expr(gate)])],
                    header=statement.trailing_whitespace,
                ),
                leading_lines=statement.leading_lines,
            )
        case _:
            return None
