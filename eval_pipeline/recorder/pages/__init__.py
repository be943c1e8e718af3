"""Pages to look at: plain HTML rendered here, one stylesheet, no script, no network."""
