#!/usr/bin/env python3
"""A Lambda function of `provided.al2023` that answers as the file `script` in SCRIPT_FOLDER says, and logs each event.

It has the form of the real function's answers, and behaves as the real one cannot be made to: its program ends in an
invocation, or never has read a batch.
"""

import json
import os
import urllib.request
from pathlib import Path

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
FOLDER = Path(os.environ["SCRIPT_FOLDER"])


class PartsMissing(Exception):
    pass


def answer(event):
    with (FOLDER / "events").open("a") as log:
        log.write(json.dumps(event) + "\n")
    script = json.loads((FOLDER / "script").read_text())
    match event["action"], script["batches"].get(str(event.get("batch"))):
        case "plan", _:
            return script["plan"]
        case "merge", _ if missing := script.get("missing"):
            raise PartsMissing(missing)
        case "merge", _:
            return {"run": event["run"], "complete": True}
        case "collect", "ends in each invocation":
            os._exit(1)
        case "collect", "ends in the first invocation":
            first = FOLDER / f"first-{event['batch']}"
            if not first.exists():
                first.touch()
                os._exit(1)
        case "collect", "is never read":
            return {"left": 1, "cursor": {"left": 1}, "complete": 0, "incomplete": 0}
    left = event["cursor"].get("left", 3) - 1
    return {"left": left, "cursor": {"left": left}, "complete": 1, "incomplete": 0}


def call(path, body=None):
    with urllib.request.urlopen(urllib.request.Request(f"{API}/{path}", data=body)) as response:
        return response.headers["Lambda-Runtime-Aws-Request-Id"], response.read()


while True:
    request_id, event = call("next")
    try:
        path, body = "response", answer(json.loads(event))
    except PartsMissing as error:
        path, body = "error", {"errorType": "PartsMissing", "errorMessage": str(error)}
    call(f"{request_id}/{path}", json.dumps(body).encode())
