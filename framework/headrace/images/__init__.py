"""Container images and the packages that travel with a job.

In: a backend's configuration, the folders in ``containers/``, pip requirements. Out: images built
and pushed with the Docker SDK for Python, and wheels that fit an image's Python.
"""
