"""Results of an experiment in the formats of other tools: tables, JUnit XML, and Markdown for a pull request.

Add a format here for each tool that reads results, as a function of an `ExportedExperiment`.
"""
