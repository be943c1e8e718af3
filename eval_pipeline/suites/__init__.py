"""The suites that ship with the package, a folder each: `suite.yaml`, its cases, and what they need."""
