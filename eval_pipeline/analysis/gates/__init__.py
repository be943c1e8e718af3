"""Gates: thresholds that an experiment must meet."""
