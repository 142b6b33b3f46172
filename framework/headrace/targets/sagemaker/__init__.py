"""sagemaker."""
