"""Commands that start servers, `ui`, `serve` and `recorder`, and the recorder that other commands start."""
