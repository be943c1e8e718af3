"""OTLP: spans of OpenTelemetry become runs.

`decoding.py` reads the spans of a request, `conventions.py` makes runs of them by OpenTelemetry's `gen_ai` conventions
and OpenInference's, and `placing.py` puts them into their traces, in whatever order they arrive.
"""
