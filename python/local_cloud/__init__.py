"""A stand-in for the AWS services this project deploys to, for development and tests on one machine.

One process on 127.0.0.1 answers every AWS call (``AWS_ENDPOINT_URL``): SageMaker's control plane and runtime
are ours (:mod:`local_cloud.sagemaker`, :mod:`local_cloud.hosting`), the rest is moto
(:mod:`local_cloud.backing_services`).
"""
