"""Function URLs: HTTP requests as events of payload format 2.0, and functions' answers as HTTP answers."""

from local_cloud.functions.invocation.urls.service import FunctionUrls, UrlCall

__all__ = ["FunctionUrls", "UrlCall"]
