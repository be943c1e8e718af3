"""The assertions a case may make, by what they look at; `eval_pipeline.assertions.fields.assertion` is all of them."""
