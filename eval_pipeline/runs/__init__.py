"""The runs that an attempt makes: collecting them in memory, with tracing on or off, and what they say of its calls."""
