"""A server that gives SageMaker's answers as they are written down here: moto's jobs never run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from headrace.targets.sagemaker.record import JobRecord

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

Answer = dict[str, Any] | tuple[int, str, str] | None
"""What the service says; or an HTTP status, the name of an error and its text; None: nothing."""


def description(status: str = "Completed", **changes: Any) -> dict[str, Any]:
    """``DescribeProcessingJob``'s answer: created at `START`, at work 3 minutes later for 6."""
    began = START.timestamp()
    answer = {
        "ProcessingJobName": "ctr",
        "ProcessingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:processing-job/ctr",
        "ProcessingJobStatus": status,
        "CreationTime": began,
        "ProcessingStartTime": began + 180,
        "ProcessingEndTime": began + 540,
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.xlarge",
                "VolumeSizeInGB": 30,
            }
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 7200},
        "AppSpecification": {"ImageUri": "image:1"},
        "RoleArn": "arn:aws:iam::123456789012:role/processing",
        **changes,
    }
    if status in ("InProgress", "Stopping"):
        del answer["ProcessingEndTime"]
    return {key: value for key, value in answer.items() if value is not None}


def record(status: str = "Completed", **changes: Any) -> JobRecord:
    """The same as boto3 gives it."""
    answer = description(status, **changes)
    for key in [key for key in answer if key.endswith("Time")]:
        answer[key] = datetime.fromtimestamp(answer[key], UTC)
    return JobRecord(answer)


class Stub:
    """The service; `asked` has every call that came, with its arguments."""

    def __init__(self, **answers: list[Answer]) -> None:
        self.address = ""
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._answers = answers
        self._lock = threading.Lock()

    def calls(self, operation: str) -> list[dict[str, Any]]:
        """The arguments of all calls of one operation."""
        return [arguments for called, arguments in self.asked if called == operation]

    def answer(self, operation: str, arguments: dict[str, Any]) -> Answer:
        """The next answer of the operation; the last one comes again and again."""
        with self._lock:
            self.asked.append((operation, arguments))
            answers = self._answers[operation]
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def from_now_on(self, operation: str, answer: Answer) -> None:
        """Answer so, again and again."""
        with self._lock:
            self._answers[operation] = [answer]

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Answer, on an address of its own."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        self.address = f"http://127.0.0.1:{server.server_port}"
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _handler(stub: Stub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = stub.answer(operation, json.loads(body))
            if isinstance(answer, dict):
                self._send(200, json.dumps(answer).encode())
            elif answer is not None:
                status, code, message = answer
                self._send(status, json.dumps({"__type": code, "message": message}).encode())

        def _send(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
