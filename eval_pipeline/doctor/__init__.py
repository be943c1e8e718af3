"""Whether a deployment can work: each check tries for real what runs will do, and says what to fix."""
