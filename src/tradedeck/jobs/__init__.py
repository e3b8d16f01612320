"""Bounded jobs and their life cycle: asked for, claimed, done or cancelled. Runs none itself."""
