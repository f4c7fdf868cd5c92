"""Sends numbered events to Kafka in both schemas of SentinelOps, and broken ones; prints what all replicas have.

usage: kafka_producer.py <bootstrap servers> <broken every n> <events, 0 for ever> <zone of local times>

The client is kafka-python: all of the protocol in Python, nothing of librdkafka, which Sentinel uses.
Prints "line <number>" or "broken <number>" when the broker has acknowledged it.
"""

import json
import sys
import time
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from kafka import KafkaProducer
from kafka.errors import KafkaError

BATCH = 50


def event(number, now):
    """Even numbers speak as the Python side of SentinelOps does, odd ones as its Go side."""
    message = f"event {number} part{number // 100} of the run"
    if number % 2 == 0:
        local = now.astimezone(ZoneInfo(sys.argv[4]))
        body = {
            "timestamp": local.strftime("%Y-%m-%d %H:%M:%S"),
            "level": "ERROR",
            "component": "RMContainerAllocator",
            "message": message,
        }
        return "logs-topic", None, body
    body = {
        "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "level": "WARN",
        "app_name": "payment-service",
        "instance_id": "instance-01",
        "message": message,
        "tags": {"env": "staging", "region": "us-east-1"},
    }
    return "app-logs", f"key-{number}", body


def main():
    servers, broken_every, n_events = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    producer = KafkaProducer(
        bootstrap_servers=servers.split(","),
        acks="all",
        retries=1000,
        max_in_flight_requests_per_connection=1,
        max_block_ms=120000,
        reconnect_backoff_max_ms=1000,
    )
    number = 0
    while n_events == 0 or number < n_events:
        sent = []
        for number in range(number, number + BATCH):
            topic, key, body = event(number, datetime.now(timezone.utc))
            text = json.dumps(body)
            kind = "line"
            if broken_every and number % broken_every == broken_every - 1:
                kind, text = "broken", text[: len(text) // 2]
            key = key and key.encode()
            sent.append((kind, number, producer.send(topic, text.encode(), key=key)))
        for kind, number, future in sent:
            try:
                future.get(timeout=120)
                print(kind, number, flush=True)
            except KafkaError as error:
                # Not acknowledged: it may be there or not, and nobody may rely on it.
                print("failed", number, error, flush=True)
        number += 1
        time.sleep(0.05)
    producer.close()


main()
