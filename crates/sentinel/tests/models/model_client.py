"""Asks a server for predictions as real clients do: Triton's client of the Open Inference Protocol, and CloudEvents.

Usage: model_client.py HOST:PORT. Prints what was found, one fact per line.
"""

import json
import sys
import urllib.request

import numpy
import tritonclient.http as triton
from cloudevents.http import CloudEvent, to_binary, to_structured

address = sys.argv[1]
client = triton.InferenceServerClient(address)
print("live", client.is_server_live(), "ready", client.is_server_ready(), "model", client.is_model_ready("income"))
print("inputs", ",".join(it["name"] for it in client.get_model_metadata("income")["inputs"]))
for binary in (True, False):
    hours = triton.InferInput("hours-per-week", [2, 1], "INT64")
    hours.set_data_from_numpy(numpy.array([[58], [20]], dtype=numpy.int64), binary_data=binary)
    education = triton.InferInput("education", [2, 1], "BYTES")
    education.set_data_from_numpy(numpy.array([["PhD"], ["HS-grad"]], dtype=object), binary_data=binary)
    wanted = [triton.InferRequestedOutput("predict", binary_data=binary), triton.InferRequestedOutput("predict_proba", binary_data=binary)]
    result = client.infer("income", [hours, education], outputs=wanted, request_id=f"triton-{binary}")
    shares = result.as_numpy("predict_proba")
    print("predict", result.as_numpy("predict").tolist(), "shape", shares.shape, "sum", round(float(shares.sum()), 6))
try:
    client.infer("other", [hours])
except Exception as error:
    print("unknown model:", "other" in str(error))


def send(headers, body):
    request = urllib.request.Request(f"http://{address}/", data=body, headers=dict(headers), method="POST")
    with urllib.request.urlopen(request) as answer:
        return answer.status


def event(kind, number, data):
    attributes = {
        "id": f"kserve-{number}",
        "type": f"org.kubeflow.serving.inference.{kind}",
        "source": "http://localhost:9081/",
        "inferenceservicename": "iris",
        "namespace": "default",
        "component": "predictor",
        "endpoint": "default",
        "datacontenttype": "application/json",
    }
    return CloudEvent(attributes, data)


rows, answer = {"instances": [[6.8, 2.8, 4.8, 1.4]]}, {"predictions": [1]}
for number, encode in enumerate((to_binary, to_structured)):
    told = [send(*encode(event(kind, number, data), data_marshaller=lambda it: json.dumps(it).encode()) if encode is to_binary else encode(event(kind, number, data))) for kind, data in (("request", rows), ("response", answer))]
    print("events", number, told)
