"""The documentation site: ``python -m sphinx -W -b html docs docs/_build/html``."""

from __future__ import annotations

import re
import warnings

from sphinx_gallery.sorting import ExplicitOrder

import sklearn_coopkd

project = "sklearn_coopkd"
copyright = "the sklearn_coopkd developers"
version = release = sklearn_coopkd.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples"]
templates_path = ["_templates"]
default_role = "literal"  # names in single backticks, as in numpydoc
# README and guide are read on code hosts, too: headings are link targets as there
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

autosummary_generate = True
numpydoc_show_class_members = False
autodoc_typehints = "none"  # the docstrings say what may be given
toc_object_entries_show_parents = "hide"
# private bases, and what scikit-learn writes about estimators in general
autodoc_default_options = {
    "exclude-members": "set_fit_request, set_predict_request, set_score_request, "
    "set_output, set_callbacks, get_metadata_routing, get_params, set_params, "
    "fit_transform, named_estimators"
}

# pictures of displays that a cell ends with are found by matplotlib
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": "/plot_",
    "ignore_pattern": "three_sites",
    "within_subsection_order": ExplicitOrder(
        [
            f"plot_{name}.py"
            for name in (
                "stacking",
                "grid_search",
                "deploy_onnx",
                "lesson",
                "three_hospitals",
                "missing_class",
                "regression",
                "custom_generator",
                "dask",
            )
        ]
    ),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 0,
    # what displays are drawn, not what they are called
    "capture_repr": ("_repr_html_",),
}
# an example with a warning is a defect
warnings.filterwarnings("error", module=r"sklearn|sklearn_coopkd|__main__")

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_title = "sklearn_coopkd"
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"index": [], "benchmarks": [], "paper": []}


def setup(app):
    """Let links to examples, which code hosts show as files, lead to the gallery."""

    def to_gallery(app, name, source):
        source[0] = re.sub(r"examples/(plot_\w+)\.py\)", r"gallery/\1.rst)", source[0])

    app.connect("source-read", to_gallery)
