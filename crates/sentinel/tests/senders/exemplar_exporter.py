"""A target with exemplars of OpenMetrics, by the client library of Prometheus; runs until it is ended.

Arguments: the port, the trace's id, the span's id.
"""

import sys
import time

from prometheus_client import Counter, Histogram, start_http_server

port, trace, span = int(sys.argv[1]), sys.argv[2], sys.argv[3]
ids = {"trace_id": trace, "span_id": span}
latency = Histogram("checkout_latency_seconds", "Latency", ["service"], buckets=(0.1, 0.5, 1))
latency.labels("checkout").observe(0.05)
latency.labels("checkout").observe(0.75, ids)
Counter("checkout_failures", "Failures", ["service"]).labels("checkout").inc(1, ids)
start_http_server(port, addr="127.0.0.1")
print("listening", flush=True)
time.sleep(3600)
