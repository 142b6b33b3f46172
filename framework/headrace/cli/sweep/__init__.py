"""Sweeps: what Hydra calls when its runs are to start, and when all of them have ended."""
