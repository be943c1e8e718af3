"""The generator of support_desk's data files, which is no part of the package: the suite needs only what it wrote.

It stands beside the test that holds the committed files equal to its output.
"""
