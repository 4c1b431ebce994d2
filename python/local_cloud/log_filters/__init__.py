"""Filter patterns of CloudWatch Logs: which events they match, and what metric filters make of these.

:mod:`.pattern` reads a pattern of any kind; :mod:`.metric_filters` turns matching events into samples.
``local_cloud.logs_gaps`` puts both into moto's CloudWatch Logs.

Source: "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail" and
"Creating metric filters", Amazon CloudWatch Logs user guide.
"""

from local_cloud.log_filters.metric_filters import Event, MetricFilter
from local_cloud.log_filters.pattern import Pattern, read_pattern
from local_cloud.log_filters.values import InvalidPattern

__all__ = ["Event", "InvalidPattern", "MetricFilter", "Pattern", "read_pattern"]
