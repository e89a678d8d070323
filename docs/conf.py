"""Settings of the documentation site: `make docs` builds docs/_build/html."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import dms_ntm

project = "DMS-NTM lab"
version = release = dms_ntm.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "extensions.configuration",
    "extensions.mathml",
    "extensions.repository",
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "extensions"]

default_role = "literal"  # names in docstrings
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [
    (name, "params_style")
    for name in ("Required attributes", "Required methods", "Optional members", "Required members with axes")
]
napoleon_attr_annotations = False
# Cross-references are checked; types of other packages have no pages here.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!dms_ntm).*"), ("py:class", r"dms_ntm\.figures\..*")]

html_theme = "furo"
html_title = f"{project} {version}"
html_math_renderer = "mathml"
html_static_path = ["static"]
html_show_sourcelink = html_show_copyright = False
html_copy_source = False
