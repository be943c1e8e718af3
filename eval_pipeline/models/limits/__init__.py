"""How fast, and up to what price, a run calls its models: the limits of one endpoint, one run, and one fleet."""
