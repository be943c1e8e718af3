"""Loaders of cases, one module for each format and service. Each yields `RawCase`s: plain data with its place."""
