"""An experiment at its servers: dataset, project, the shared context's trace, scores, and which rows arrived."""
