"""The shipped suite: a support agent of an online shop, evaluated over orders, policies and help-centre articles.

Belongs here: the agent, its tools, its offline model and its assertions. Does not belong here: the pipeline itself.
"""
