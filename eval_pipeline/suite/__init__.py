"""What is evaluated: `suite.yaml`, its cases, and the places that cases are loaded from.

suite.py, spec/       the model of suite.yaml, one module for each of its sections
case.py, loaders/     the model of a case, and one loader for each format and service
dataset/              all cases of a suite under a version; as stored, and as LangSmith examples
documents/            YAML with line numbers, and models whose errors name file, line and fix
check.py              every problem of a suite, as `eval-pipeline check` reports it
discovery.py          suites by name
"""
