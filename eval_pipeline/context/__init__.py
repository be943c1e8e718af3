"""The shared context: sources → snapshot → manifest → warm local cache → `SharedContext`. Never imports Dagster."""
