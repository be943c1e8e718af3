"""Commands that start servers: `ui`, `recorder`, `serve`."""
