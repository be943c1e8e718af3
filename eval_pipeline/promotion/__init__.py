"""Which commit of a prompt is in use: moved to what won, with a record of every move, and back again."""
