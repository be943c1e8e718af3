"""The tests of `eval_pipeline`, in the same folders as what they test."""
