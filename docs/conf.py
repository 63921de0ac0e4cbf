"""How Sphinx builds the documentation."""

project = "ibm-circuit-job"
author = "The ibm-circuit-job founders"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "ibm-circuit-job"
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
myst_heading_anchors = 3
