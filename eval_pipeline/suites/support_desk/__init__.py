"""The shipped suite: a support agent of an online shop, evaluated over orders, policies and help-centre articles."""
