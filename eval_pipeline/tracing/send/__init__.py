"""Send traces: one bounded queue per destination, an uploader, and a spool on disk for what cannot be sent."""
