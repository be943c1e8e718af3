"""The recorder's pages: HTML rendered on the server, with one style sheet, no script and no other network host."""
