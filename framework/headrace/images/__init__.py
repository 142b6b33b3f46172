"""Own images: built from ``containers/`` and pushed, both through the Docker SDK for Python."""
