"""Rewrites the arguments of calls: some have other names, some are left out, some belong to another call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import libcst as cst

from ibm_circuit_job.cli.migration import names

Note = Callable[[str], None]
"""Adds a remark about the call: it was changed, and its meaning differs from before."""


def named(call: cst.Call, name: str) -> cst.Arg | None:
    """Return the argument of that name; ``None`` if there is none."""
    return next((arg for arg in call.args if arg.keyword is not None and arg.keyword.value == name), None)


def keyword(name: str, value: cst.BaseExpression) -> cst.Arg:
    """Return an argument with a name.

    Example:
        >>> import libcst as cst
        >>> cst.Module([]).code_for_node(keyword("shots", cst.Integer("10")))
        'shots=10'
    """
    return cst.Arg(
        value,
        cst.Name(name),
        equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
    )


def joined(args: Iterable[cst.Arg]) -> list[cst.Arg]:
    """Return arguments separated by commas. Line breaks between them remain."""
    found = list(args)
    for number, arg in enumerate(found):
        if number < len(found) - 1:
            if not isinstance(arg.comma, cst.Comma):
                found[number] = arg.with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))
        elif isinstance(arg.comma, cst.Comma) and "\n" not in cst.Module([]).code_for_node(arg.comma):
            found[number] = arg.with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return found


def flat(arg: cst.Arg) -> cst.Arg:
    """Return an argument without the line breaks around it."""
    return arg.with_changes(comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=cst.SimpleWhitespace(""))


def method(of: cst.BaseExpression, name: str, args: Sequence[cst.Arg] = ()) -> cst.Call:
    """Return the call of a method.

    Example:
        >>> import libcst as cst
        >>> cst.Module([]).code_for_node(method(cst.Name("job"), "status"))
        'job.status()'
    """
    return cst.Call(cst.Attribute(of, cst.Name(name)), joined(args))


def text_of(arg: cst.Arg | None) -> str | None:
    """Return the value of an argument that is a literal text; ``None`` for any other argument."""
    if arg is None or not isinstance(arg.value, cst.SimpleString | cst.ConcatenatedString):
        return None
    found = arg.value.evaluated_value
    return found if isinstance(found, str) else None


def for_run(args: Iterable[cst.Arg], note: Note) -> list[cst.Arg]:
    """Return the arguments of ``run()`` with their present names.

    Args:
        args: The arguments.
        note: Adds a remark that the meaning of the call differs from before.
    """
    found: list[cst.Arg] = []
    label: cst.Arg | None = None
    for arg in args:
        name = arg.keyword.value if arg.keyword is not None else ""
        if name in names.ENDED_OPTIONS:
            note(f"{name} is left out: {names.ENDED_OPTIONS[name]}")
        elif name == "qobj_header":
            found.append(arg.with_changes(keyword=cst.Name("header")))
        elif name == "job_name":
            note("the job gets its name as a tag, by which provider.jobs(job_tags=[...]) finds it")
            label = arg
        else:
            found.append(arg)
    return with_tag(found, label)


def with_tag(args: list[cst.Arg], label: cst.Arg | None) -> list[cst.Arg]:
    """Return arguments with a name added to the tags."""
    if label is None:
        return joined(args)
    tags = next((n for n, arg in enumerate(args) if arg.keyword is not None and arg.keyword.value == "job_tags"), None)
    if tags is None:
        listed = cst.List([cst.Element(label.value)])
        return joined([*args, label.with_changes(keyword=cst.Name("job_tags"), value=listed)])
    both = cst.List([cst.StarredElement(args[tags].value), cst.Element(label.value)])
    return joined([*args[:tags], args[tags].with_changes(value=both), *args[tags + 1 :]])


def for_provider(args: Iterable[cst.Arg], note: Note, *, of_ibmq: bool = False) -> list[cst.Arg]:
    """Return the arguments of ``IBMProvider()`` or ``save_account()``, without those of services that IBM switched off.

    Args:
        args: The arguments of a log-in of any of the older clients.
        note: Adds a remark that the meaning of the call differs from before.
        of_ibmq: Whether they are those of ``IBMQ``: after the URL came hub, group and project.
    """
    found: list[cst.Arg] = []
    of_classic: list[str] = []
    for number, arg in enumerate(args):
        name = arg.keyword.value if arg.keyword is not None else None
        text = text_of(arg) or ""
        if arg.keyword is not None and (name in {"hub", "group", "project"} or _is_of_classic(arg)):
            of_classic.append(arg.keyword.value)
        elif (name in {"url", "authUrl"} or (name is None and number == 1)) and any(
            host in text for host in names.OLD_HOSTS
        ):
            note("the URL is left out: IBM has switched off that service")
        elif name == "channel" and text == "ibm_quantum":
            note("channel is left out: it was of IBM Quantum Platform Classic, and the URL says it")
        elif of_ibmq and name is None and number > 1:
            note("arguments after the URL are left out: they were of IBM Quantum Platform Classic")
        else:
            found.append(arg)
    if of_classic:
        these = " and ".join(of_classic)
        note(f"{these} left out, which IBM Quantum Platform Classic had; instance= takes the CRN or the name of one")
    return joined(found)


def without_instance(args: Iterable[cst.Arg], note: Note) -> list[cst.Arg]:
    """Return arguments without an instance of IBM Quantum Platform Classic."""
    given = list(args)
    return for_provider(given, note) if any(_is_of_classic(arg) for arg in given) else given


def _is_of_classic(arg: cst.Arg) -> bool:
    return arg.keyword is not None and arg.keyword.value == "instance" and (text_of(arg) or "").count("/") == 2


def split_execute(
    call: cst.Call, note: Note
) -> tuple[cst.Arg, cst.Arg, list[cst.Arg], list[cst.Arg], cst.Arg | None] | str:
    """Return the arguments of ``execute()``, divided by the calls that they belong to now.

    Returns:
        The circuits, the backend, what goes to ``transpile()``, what goes to ``run()``, and a pass manager; or why the
        call cannot be rewritten.
    """
    given: dict[str, cst.Arg] = {}
    transpiling: list[cst.Arg] = []
    running: list[cst.Arg] = []
    for number, arg in enumerate(call.args):
        name = arg.keyword.value if arg.keyword is not None else None
        if arg.star == "*" or (not arg.star and name is None and number > 1):
            return "execute() with more than two arguments that have no names"
        if arg.star == "**":
            note("what ** gives goes to run(); options of transpile() have to be given to that")
            running.append(arg)
        elif name is None:
            given["circuits" if number == 0 else "backend"] = arg
        elif name in {"experiments", "circuits"}:
            given["circuits"] = arg
        elif name in {"backend", "pass_manager"}:
            given[name] = arg
        elif name in names.TRANSPILE_OPTIONS:
            transpiling.append(arg)
        else:
            running.append(arg)
    if not given.keys() >= {"circuits", "backend"}:
        return "execute() without circuits or backend"
    return given["circuits"], given["backend"], transpiling, for_run(running, note), given.get("pass_manager")


def comments_in(nodes: Iterable[cst.CSTNode]) -> list[cst.Comment]:
    """Return the comments inside nodes, which would be lost with the nodes."""
    found: list[cst.Comment] = []

    class Comments(cst.CSTVisitor):
        def visit_Comment(self, node: cst.Comment) -> None:
            found.append(node)

    for node in nodes:
        node.visit(Comments())
    return found


def lines_of(comments: Iterable[cst.Comment]) -> list[Any]:
    """Return comments as separate lines."""
    return [cst.EmptyLine(comment=comment) for comment in comments]
