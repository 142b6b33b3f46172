"""``action=import``: a request of somebody's job becomes a file of ``conf/experiment``.

In: a JSON file, or the service's answer about a job. Out: the text of a configuration that compiles
to the same request, and what of the request it cannot hold. Every configuration is compiled before
it is shown.
"""
