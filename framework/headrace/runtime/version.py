"""The project's version; the distribution's metadata takes it from here."""

VERSION = "0.1.0"
