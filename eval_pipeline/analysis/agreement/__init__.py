"""How far assertions and judges agree with human labels."""
