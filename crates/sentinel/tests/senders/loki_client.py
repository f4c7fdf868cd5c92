"""Pushes numbered lines with a real Loki client until each is acknowledged; prints the number of each that was."""

import logging
import sys
import time

import requests
from logging_loki.emitter import LokiEmitterV1

url, run = sys.argv[1], sys.argv[2]
record = logging.LogRecord("pusher", logging.INFO, __file__, 1, "", None, None)
number = 0
while True:
    # A word for every hundred lines, so that the test can ask for them part by part.
    emitter = LokiEmitterV1(url, {"service": "loki-client", "run": run})
    for number in range(number, number + 100):
        # A retry sends the same line with the same time, as Promtail does.
        payload = emitter.build_payload(record, f"line {number} part{number // 100} of the run")
        while True:
            try:
                if emitter.session.post(emitter.url, json=payload, timeout=5).status_code == 204:
                    break
            except requests.RequestException:
                emitter.close()
            time.sleep(0.05)
        print(number, flush=True)
        time.sleep(0.005)
    number += 1
    emitter.close()
