"""The models of `suite.yaml`: one module for each of its sections."""
