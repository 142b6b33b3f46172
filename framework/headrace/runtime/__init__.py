"""The half that ships: runs a job inside the container with NumPy and pyarrow only.

In: ``job.json`` and the input folders below ``/opt/ml``. Out: parts, report and manifest in the
output folders, and an exit status. Imports nothing of the client half.
"""

VERSION = "0.1.0"
"""The project's; the distribution's metadata takes it from here."""
