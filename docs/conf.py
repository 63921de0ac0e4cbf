"""How Sphinx builds the documentation."""

import importlib

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from ibm_circuit_job.state.status import FINAL_RANK, STATUS_OF

project = "ibm-circuit-job"
author = "The ibm-circuit-job founders"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
html_theme = "furo"
html_title = "ibm-circuit-job"
# The link to a page's Markdown is in no landmark, and the sources are in the repository.
html_theme_options = {"top_of_page_buttons": []}
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["accessible.css"]
html_js_files = ["accessible.js"]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
# A copied example has neither prompts nor what it prints.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
autodoc_member_order = "bysource"
autodoc_typehints = "description"
myst_heading_anchors = 3


class StatusTable(SphinxDirective):
    """The life of a job as a table, drawn from the very table that the code reads."""

    def run(self):
        strings = {}
        for server_status, status in STATUS_OF.items():
            strings.setdefault(status, []).append(server_status)
        rows = [("JobStatus", "the service says", "final")]
        rows += [(status.name, ", ".join(said), _finality(status)) for status, said in strings.items()]
        table = nodes.table()
        group = nodes.tgroup(cols=3)
        table += group
        group += [nodes.colspec(colwidth=width) for width in (2, 6, 3)]
        head, body = nodes.thead(), nodes.tbody()
        group += [head, body]
        for index, row in enumerate(rows):
            line = nodes.row()
            for text in row:
                cell = nodes.entry()
                cell += nodes.paragraph(text=text)
                line += cell
            (head if index == 0 else body).append(line)
        return [table]


def _finality(status):
    if status not in FINAL_RANK:
        return "no"
    weaker = [other.name for other, rank in FINAL_RANK.items() if rank < FINAL_RANK[status]]
    return "yes" + (f"; beats {' and '.join(weaker)}" if weaker else "")


QISKIT_DOCS = "https://quantum.cloud.ibm.com/docs/api/qiskit"


def page_of_qiskit(target):
    """Return the page and the anchor of a name, which stands on the page of the outermost package that has its class.

    ``qiskit.circuit.quantumcircuit.QuantumCircuit.depth`` is on the page ``qiskit.circuit.QuantumCircuit``.
    """
    parts = target.split(".")
    at = next((at for at, part in enumerate(parts) if part[:1].isupper()), len(parts) - 1)
    for depth in range(2, at + 1):
        package = ".".join(parts[:depth])
        if hasattr(importlib.import_module(package), parts[at]):
            return f"{package}.{parts[at]}", ".".join((package, *parts[at:]))
    return target, target


def link_to_qiskit(app, env, node, contnode):
    """Link a public name of qiskit to its page."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target.startswith("qiskit.") or "._" in target:
        return None
    page, anchor = page_of_qiskit(target)
    uri = f"{QISKIT_DOCS}/{page}" + (f"#{anchor}" if anchor != page else "")
    return nodes.reference("", "", contnode, internal=False, refuri=uri, reftitle=anchor)


def setup(app):
    app.add_directive("status-table", StatusTable)
    app.connect("missing-reference", link_to_qiskit)
    return {"parallel_read_safe": True}
