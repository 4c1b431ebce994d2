"""Serverless inference: containers that are started for requests, kept warm for a while, and let go.

:mod:`.fleet` is the endpoint, :mod:`.pool` decides which container a request gets and how many there are,
:mod:`.pooled` is one of them, :mod:`.passage` the way of one request.
"""

from local_cloud.hosting.serverless.fleet import ServerlessFleet

__all__ = ["ServerlessFleet"]
