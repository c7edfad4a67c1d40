"""Configuration of the documentation; built by `make docs`."""

import os
import re
import sys
from pathlib import Path

from sklearn.experimental import enable_halving_search_cv  # noqa: F401, an example uses it
from sphinx_gallery.sorting import ExplicitOrder

import sk_aecnn

sys.path.append(str(Path(__file__).parent / "_ext"))

project = "sk_aecnn"
author = "sk_aecnn developers"
copyright = "2026, sk_aecnn developers"
version = release = sk_aecnn.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "code_links",
    "mathml",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "suite_chart",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["_build", "guide/quality"]  # the tables are included by a page
templates_path = ["_templates"]
nitpicky = False
# a name in single backquotes is a link where it is known, and code elsewhere
default_role = "py:obj"
toc_object_entries_show_parents = "hide"

# -- API reference: the template lists the members, numpydoc lays out each docstring ----------

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# -- Text -------------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

# -- Links to other projects, where there is a network to read their lists of names ------------

if os.environ.get("READTHEDOCS") or os.environ.get("DOCS_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "pandas": ("https://pandas.pydata.org/docs", None),
    "sklearn": ("https://scikit-learn.org/stable", None),
    "skorch": ("https://skorch.readthedocs.io/en/stable", None),
    "torch": ("https://docs.pytorch.org/docs/stable", None),
}

# -- Links to other sites, checked by `make linkcheck` ------------------------------------------

linkcheck_timeout = 20
linkcheck_retries = 2

# -- Gallery: sections by task, whose scripts are run --------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"^(demo|article_recipe|make_model|service|__init__)\.py",
    "subsection_order": ExplicitOrder(
        [
            f"../examples/{section}"
            for section in (
                "codes",
                "prediction",
                "tables",
                "text",
                "sound_and_series",
                "outliers",
                "generation",
                "search",
                "large_data",
                "serving",
            )
        ]
    ),
    # the pages of the API list the examples that use a class
    "doc_module": ("sk_aecnn",),
    "backreferences_dir": "api/generated/backreferences",
    "download_all_examples": False,
    # as many examples at a time as `make docs` gives sphinx processes
    "parallel": True,
    "show_memory": False,
    "min_reported_time": 60,
    # whose pages load scripts from elsewhere
    "write_computation_times": False,
}

# -- Pages ------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "sk_aecnn"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["custom.css"]
# the first has no other pages in its section, the second has a wide figure
html_sidebars = {"getting_started": [], "choosing": []}
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,  # the methods of a class too
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}

# Docstrings inherited from scikit-learn refer to labels and terms of scikit-learn's own
# documentation. The build has no network to resolve them, so here they become plain text.
_ROLE = re.compile(r":(?:ref|term|doc|class|func|meth):`~?([^`<]+?)(?:\s*<[^`>]*>)?`")
# Shapes such as `(batch, *spatial)` and `(n_features_in_,)`, where reStructuredText would see the
# start of an emphasis or the end of a link. Code in backquotes and after a prompt is matched first,
# to be left as it is.
_SHAPES = re.compile(
    r"(`+[^`]*`+|^\s*(?:>>>|\.\.\. ).*$)|(?<=[(,\s])\*(?=\w+[,)])|(?<=\w)_(?=,?\))", re.MULTILINE
)


def unlink_inherited(app, what, name, obj, options, lines):
    """Turn the roles in a docstring that scikit-learn wrote into plain text."""
    if (getattr(obj, "__module__", None) or "").startswith("sklearn."):
        lines[:] = _ROLE.sub(r"\1", "\n".join(lines)).split("\n")


def escape_shapes(app, what, name, obj, options, lines):
    """Escape the asterisk of `*spatial` and the last underscore of `n_features_in_`."""
    escaped = _SHAPES.sub(lambda match: match[1] or f"\\{match[0]}", "\n".join(lines))
    lines[:] = escaped.split("\n")


def setup(app):
    """Register the hooks above, before numpydoc's own (priority 500)."""
    app.connect("autodoc-process-docstring", unlink_inherited, priority=300)
    app.connect("autodoc-process-docstring", escape_shapes, priority=400)
