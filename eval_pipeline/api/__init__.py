"""The HTTP API of `eval-pipeline serve`: evaluate a case or a suite as a stream of events, and a page to do so."""
