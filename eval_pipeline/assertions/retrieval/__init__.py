"""What an attempt retrieved: its documents, and the assertions about them."""
