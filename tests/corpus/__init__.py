"""Nasty small files, each with its right answer."""
