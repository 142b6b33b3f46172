"""Everything that calls AWS through boto3: account, region, S3, locks, IAM policy.

In: ``s3://`` URIs, requests, job names. Out: listed, downloaded and uploaded objects, the account's
answers, and AWS errors as our own. Imported only when a job needs AWS, because boto3 is slow to
import.
"""
