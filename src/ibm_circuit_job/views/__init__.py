"""HTML and text of plain values, for notebooks and terminals.

``records`` defines the values; ``html`` and ``text`` render them. This package imports no record, store or client.
Jinja2 and the templates are loaded at the first use of HTML.
"""
