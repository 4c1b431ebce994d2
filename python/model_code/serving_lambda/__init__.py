"""A model of this platform as a Lambda function: what ``awslambdaric`` calls, and nothing of a web server.

``python -m awslambdaric serving_lambda.app.handler`` is an image's command. :mod:`serving_lambda.app` loads
the model when it is imported, which is the init phase of an execution environment; each event is then
:class:`serving_lambda.function.Function`'s.

It shares the inference server's reading of models, bodies and headers, and stays out of everything that a
server needs besides: a cold start pays for each module.
"""
