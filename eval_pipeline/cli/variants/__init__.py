"""The command `variants`."""
