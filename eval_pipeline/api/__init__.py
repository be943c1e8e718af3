"""The HTTP face: cases and batches evaluated on request, told as server-sent events, and a page that shows it."""
