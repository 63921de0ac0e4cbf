"""HTML and text of plain values, for notebooks and plain representations.

``records`` has the values that are shown, ``html`` and ``text`` show them. Nothing here knows a job, a store or a
service. Jinja2 and the templates are loaded when the first HTML is made.
"""
