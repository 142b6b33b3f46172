"""AWS: the account, S3, locks, image URIs, the request of a job and the IAM policy for it.

In: ``s3://`` URIs, requests, job names. Out: listed, downloaded and uploaded objects, the account's
answers, and AWS errors as our own. boto3 is slow to import, so the modules that need it are
imported only when a job needs AWS; `image_uris`, `policy`, `region` and `request` do without.
"""
