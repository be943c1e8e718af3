"""Agreement of assertions and judges with human labels."""
