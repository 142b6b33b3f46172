"""Everything that asks AWS through boto3. Imported only by who needs AWS: boto3 takes its time."""
