"""The HTML report of an experiment, the page that compares experiments, and their charts as SVG."""
