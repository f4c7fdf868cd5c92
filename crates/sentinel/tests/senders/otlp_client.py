"""Sends metrics, logs and traces with the OpenTelemetry SDK; prints the trace's id when all of it was handed over.

Arguments: grpc or http, the endpoint, the service's name, the signals (for example `metrics,logs`), and optionally the
access token.
"""

import json
import logging
import sys
import time

from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

way, endpoint, service, signals = sys.argv[1:5]
headers = {"authorization": f"Bearer {sys.argv[5]}"} if len(sys.argv) > 5 else {}
# Increases over gRPC and totals over HTTP: both must give the same series.
temporality = {Counter: AggregationTemporality.DELTA if way == "grpc" else AggregationTemporality.CUMULATIVE}

if way == "grpc":
    from grpc import Compression
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    common = {"insecure": True, "headers": headers, "compression": Compression.Gzip, "timeout": 60, "endpoint": endpoint}
    metric_exporter = OTLPMetricExporter(preferred_temporality=temporality, **common)
    log_exporter, span_exporter = OTLPLogExporter(**common), OTLPSpanExporter(**common)
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    common = {"headers": headers, "compression": Compression.Gzip, "timeout": 60}
    metric_exporter = OTLPMetricExporter(
        preferred_temporality=temporality, endpoint=f"{endpoint}/v1/metrics", **common
    )
    log_exporter = OTLPLogExporter(endpoint=f"{endpoint}/v1/logs", **common)
    span_exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", **common)

resource = Resource.create({"service.name": service, "host.name": "web-1"})
reader = PeriodicExportingMetricReader(metric_exporter, export_interval_millis=3_600_000)
fine = View(instrument_name="fine.duration", aggregation=ExponentialBucketHistogramAggregation())
# The last export is the one that is asked for below, not one more at the exit.
meters = MeterProvider([reader], resource=resource, views=[fine], shutdown_on_exit=False)
logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(BatchLogRecordProcessor(log_exporter))
traces = TracerProvider(resource=resource)
if "traces" in signals:
    traces.add_span_processor(BatchSpanProcessor(span_exporter))

meter = meters.get_meter("shop")
orders = meter.create_counter("orders", unit="{order}")
disk = meter.create_gauge("disk.usage", unit="By")
durations = [meter.create_histogram(name, unit="s") for name in ("coarse.duration", "fine.duration")]


def shop(n_orders):
    """Some orders, and three requests."""
    orders.add(n_orders, {"payment.method": "card"})
    disk.set(40 + n_orders)
    for histogram in durations:
        for seconds in (0.3, 3.0, 3.5):
            histogram.record(seconds)


logger = logging.getLogger("shop.orders")
logger.setLevel(logging.INFO)
logger.propagate = False
logger.addHandler(LoggingHandler(logger_provider=logs))
tracer = traces.get_tracer("shop")
with tracer.start_as_current_span("POST /orders") as outer:
    shop(7)
    with tracer.start_as_current_span("charge card") as inner:
        inner.set_attribute("db.password", "hunter22")
        inner.set_attribute("amount", 12.5)
        logger.warning("card was declined", extra={"attempt": 3})
        try:
            raise TimeoutError("bank does not answer")
        except TimeoutError as error:
            inner.record_exception(error)
    trace = f"{outer.get_span_context().trace_id:032x}"

flushed = True
for n_orders in (1, 3):
    # Exports of the same millisecond would be one point.
    time.sleep(0.05)
    flushed = meters.force_flush(90_000) and flushed
    shop(n_orders)
time.sleep(0.05)
for provider in (meters, logs, traces):
    flushed = provider.force_flush(90_000) and flushed
print(json.dumps({"trace": trace, "flushed": flushed}), flush=True)
for provider in (logs, traces):
    provider.shutdown()
