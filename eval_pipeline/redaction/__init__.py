"""What may not be shown is taken out of whatever is stored, sent, logged or shown. Nothing in here knows by whom."""
