"""The models of the sections of `suite.yaml`, one module for each section or group of sections."""
