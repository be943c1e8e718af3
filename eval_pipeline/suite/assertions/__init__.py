"""The assertions a case may make, by what they look at; `eval_pipeline.suite.assertion` is all of them."""
