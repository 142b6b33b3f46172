"""Tests of the local target."""
