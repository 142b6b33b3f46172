"""The half that ships: runs a job inside the container with NumPy and pyarrow alone."""
