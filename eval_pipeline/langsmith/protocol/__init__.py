"""The LangSmith wire protocol as client and recorder share it: encoding, published rules, usage."""
