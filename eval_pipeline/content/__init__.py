"""What goes into a target and comes out of it: inputs, outputs and messages as JSON, and the text that people read."""
