"""Writes points with the real clients of InfluxDB 2 and 1, plain and with gzip; prints what each was told."""

import sys

from influxdb import InfluxDBClient as ClientOne
from influxdb_client import InfluxDBClient, Point, WritePrecision
from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.write_api import SYNCHRONOUS

host, port, begin, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])

client = InfluxDBClient(f"http://{host}:{port}", token="t", org="o", enable_gzip=True)
print("ping", client.ping(), flush=True)
write = client.write_api(write_options=SYNCHRONOUS)
for idx in range(count):
    point = Point("shop pay, v2").tag("host", "web=1").tag("path", "C:\\a b").field("latency", idx + 0.5)
    point = point.field("requests", idx).field("ok", True).field("note", 'a "text", =\\\n more').time(begin + idx)
    write.write("metrics", record=point.time(begin + idx * 1000, WritePrecision.MS))
print("v2 written", flush=True)
try:
    write.write("metrics", record=["good value=1", "bad value="])
except InfluxDBError as error:
    print("v2 partial", error.response.status, error.message, flush=True)

client = ClientOne(host, port, database="telegraf", gzip=True)
client.create_database("telegraf")
print("v1 version", client.ping(), flush=True)
points = [
    {"measurement": "cpu", "tags": {"host": "web-1"}, "time": begin + idx * 1000, "fields": {"idle": float(idx), "n": idx}}
    for idx in range(count)
]
print("v1 written", client.write_points(points, time_precision="ms"), flush=True)
