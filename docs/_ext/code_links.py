"""Link names in code to their page: those of this package, and classes of scikit-learn.

Pages and docstrings write names as code, ``AECNNClassifier`` or ``AECNNClassifier.sample``, which
reads well where nothing renders it; the link is added when the page is built.
"""

import re

from docutils import nodes
from sklearn.utils.discovery import all_estimators, all_functions
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

import sk_aecnn
import sk_aecnn.onnx

NAMES = {name: f"sk_aecnn.{name}" for name in sk_aecnn.__all__}
NAMES |= {name: f"sk_aecnn.onnx.{name}" for name in sk_aecnn.onnx.__all__}
# a name, perhaps behind its package, then perhaps a method, then perhaps a call
CODE = re.compile(r"(?:sk_aecnn\.(?:onnx\.)?)?(\w+)((?:\.\w+)?)(?:\(.*\))?", re.DOTALL)


def names_of_scikit_learn():
    """Return the public place of each class and function of scikit-learn."""
    places = {name: thing.__module__ for name, thing in [*all_estimators(), *all_functions()]}
    return {name: f"{place.partition('._')[0]}.{name}" for name, place in places.items()}


def target(code, names):
    """Return the full name of what a piece of code names, or None.

    >>> target(
    ...     "AECNNClassifier.sample(50, y=3)",
    ...     {"AECNNClassifier": "sk_aecnn.AECNNClassifier"},
    ... )
    'sk_aecnn.AECNNClassifier.sample'
    >>> target("encoding_dim=8", {"AECNNClassifier": "sk_aecnn.AECNNClassifier"})
    """
    found = CODE.fullmatch(code)
    if found and found[1] in names:
        return names[found[1]] + found[2]
    return None


class LinkCode(SphinxTransform):
    """Turn inline code that is a known name into a reference."""

    default_priority = 400

    def apply(self):
        """Replace the nodes, but not in headings and where there is a link already."""
        names = self.config.code_links_names
        for code in list(self.document.findall(nodes.literal)):
            full_name = target(code.astext(), names)
            if full_name and not isinstance(
                code.parent, nodes.title | nodes.reference | addnodes.pending_xref
            ):
                code["classes"] += ["xref", "py", "py-obj"]
                code.replace_self(
                    addnodes.pending_xref(
                        "",
                        code.deepcopy(),
                        refdomain="py",
                        reftype="obj",
                        reftarget=full_name,
                        refdoc=self.env.docname,
                        refwarn=False,
                    )
                )


def find_names(app, config):
    """Know the names of scikit-learn only where there is a network to find their pages."""
    linked = "sphinx.ext.intersphinx" in config.extensions
    config.code_links_names = (names_of_scikit_learn() if linked else {}) | NAMES


def setup(app):
    """Register the transform."""
    app.add_config_value("code_links_names", {}, "env", [dict])
    app.connect("config-inited", find_names)
    app.add_transform(LinkCode)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
