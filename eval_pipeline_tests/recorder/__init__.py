"""Tests of the recorder: over real HTTP, mostly with the real SDK."""
