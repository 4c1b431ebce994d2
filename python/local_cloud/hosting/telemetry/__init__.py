"""What hosting tells CloudWatch: container logs, invocation metrics, CPU and memory.

Everything is gathered in memory and sent in batches off the event loop. A backing service that is down costs
the newest lines nothing and the platform never a request.
"""
