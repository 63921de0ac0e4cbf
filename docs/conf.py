"""How Sphinx builds the documentation."""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from ibm_circuit_job.state.status import FINAL_RANK, STATUS_OF

project = "ibm-circuit-job"
author = "The ibm-circuit-job founders"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "ibm-circuit-job"
exclude_patterns = ["_build"]
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


def setup(app):
    app.add_directive("status-table", StatusTable)
    return {"parallel_read_safe": True}
