"""Commands that start servers: `ui`, `serve`, `recorder`."""
