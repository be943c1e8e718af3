"""A page of the Python API: what `eval_pipeline` exports, and what tests of suites use."""

import eval_pipeline
import eval_pipeline.testing

_MODULES = ("eval_pipeline.workflows", "eval_pipeline.errors")


def api_page() -> str:
    """The page, in Markdown, whose `:::` lines mkdocstrings replaces by signatures and docstrings."""
    lines = ["# Python API", ""]
    for package in (eval_pipeline, eval_pipeline.testing):
        lines += [f"## {package.__name__}", ""]
        for name in sorted(package.__all__):
            lines += [f"::: {package.__name__}.{name}", "    options:", "      heading_level: 3", ""]
    for module in _MODULES:
        lines += [
            f"## {module}",
            "",
            f"::: {module}",
            "    options:",
            "      heading_level: 3",
            "      show_root_heading: false",
            "",
        ]
    return "\n".join(lines)
