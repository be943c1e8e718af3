"""What the pages of the report, the recorder and `eval-pipeline serve` share: templating, colours, base styles.

Colours are variables of `base.css`, which each page's own style sheet follows. Text that agents, users and judges wrote
reaches a page escaped by `environment`, or through a script's `textContent`.
"""
