"""Sphinx settings of the site, which ``build.py`` builds from a copy."""

import fishlib

project = "Bursts of motion"
author = "the fishlib authors"
version = release = fishlib.__version__
extensions = ["myst_nb", "sphinx_copybutton", "sphinx.ext.mathjax"]
extensions += ["sphinx.ext.autosummary", "sphinx.ext.napoleon"]
autodoc_typehints = "none"  # the docstrings say shape, type and unit
python_maximum_signature_line_length = 88
autodoc_member_order = "bysource"
napoleon_use_param = napoleon_use_rtype = False
templates_path = ["_templates"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "myst"
exclude_patterns = ["README.md", "_templates"]
suppress_warnings = ["mystnb.unknown_mime_type", "myst.header", "ref.python"]

html_theme = "sphinx_book_theme"
html_title = "Bursts of motion"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/fish.svg"
html_logo = "_static/fish.svg"
html_show_sourcelink = False
html_show_sphinx = False
copybutton_prompt_text = "$ "
html_theme_options = {
    "home_page_in_toc": True,
    "show_toc_level": 2,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "navbar_persistent": [],
    "logo": {"text": "Bursts of motion", "alt_text": "home"},
}
mathjax_path = "tex-svg.js"  # from sphinx-mathjax-offline: the site asks nothing of the network
html_context = {"default_mode": "light"}  # the figures are drawn on white
