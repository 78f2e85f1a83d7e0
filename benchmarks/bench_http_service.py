"""Measure the HTTP service of the examples: requests per second, and how long an answer takes.

    python benchmarks/bench_http_service.py [SECONDS]

The service runs with one process, and then with two, each on a port of its own, as behind a load balancer. A client
keeps 16 connections open; each sends its next request when the answer has come. Client and service share the cores. A
time runs from the request to the last byte of its answer. All addresses are on this computer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import platform
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

EXAMPLES = Path(__file__).parent.parent / "examples"
HOST = "127.0.0.1"
N_CONNECTIONS, WARM_UP = 16, 1.0
SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0


def customers(n, rng):
    """Give the columns of customers, as /value takes them."""
    frequency = rng.poisson(1.5, n)
    age = rng.uniform(10, 78, n).round(2)
    return {
        "frequency": frequency.tolist(),
        "recency": np.where(frequency, rng.random(n) * age, 0).round(2).tolist(),
        "age": age.tolist(),
        "mean_repeat_spend": np.where(frequency, rng.gamma(4, 9, n), 0).round(2).tolist(),
    }


def silent(n, rng):
    """Give customers with the day of their last purchase, as /plan takes them."""
    days = np.datetime64("2026-03-02") - rng.integers(0, 600, n)
    return {
        "customer": list(range(n)),
        "last_purchase": days.astype(str).tolist(),
        "email_ok": (rng.random(n) < 0.9).tolist(),
        "day": "2026-03-02",
    }


def request_of(path, body):
    """Write the bytes of a request."""
    text = json.dumps(body).encode()
    head = [f"POST {path} HTTP/1.1", f"Host: {HOST}", "Content-Type: application/json", f"Content-Length: {len(text)}"]
    return "\r\n".join([*head, "", ""]).encode() + text


async def talk(port, request, begin, end, times):
    """Send one request after the other until the end, and keep the time of each that began after the warm-up."""
    reader, writer = await asyncio.open_connection(HOST, port)
    while (sent := time.perf_counter()) < end:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        if sent >= begin:
            times.append(time.perf_counter() - sent)
    writer.close()
    await writer.wait_closed()


async def load(ports, request):
    """Give the times of all requests; the connections go to the processes in turn."""
    begin = time.perf_counter() + WARM_UP
    times = []
    turns = [ports[k % len(ports)] for k in range(N_CONNECTIONS)]
    await asyncio.gather(*[talk(port, request, begin, begin + SECONDS, times) for port in turns])
    return 1000 * np.array(times)


@contextlib.contextmanager
def service(n_processes):
    """Start processes of the service, each on a free port, and stop them."""
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES), "--factory", "http_service:make_app"]
    running, ports = [], []
    try:
        for _ in range(n_processes):
            with socket.create_server((HOST, 0)) as door:
                ports.append(door.getsockname()[1])
            options = ["--host", HOST, "--port", str(ports[-1]), "--no-access-log", "--log-level", "warning"]
            running.append(subprocess.Popen([*command, *options]))
        for port in ports:
            for _ in range(300):
                with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
                    break
                time.sleep(0.1)
        yield ports
    finally:
        for process in running:
            process.terminate()
            process.wait()


def main():
    rng = np.random.default_rng(2)
    questions = {
        "value of 1 customer": request_of("/value", customers(1, rng)),
        "values of 100 customers": request_of("/value", customers(100, rng)),
        "plan of 100 customers": request_of("/plan", silent(100, rng)),
    }
    print(f"Python {platform.python_version()}, {N_CONNECTIONS} connections, {SECONDS:g} s each")
    for n in (1, 2):
        with service(n) as ports:
            for name, request in questions.items():
                times = asyncio.run(load(ports, request))
                at = np.percentile(times, [50, 99])
                print(
                    f"{n} process{'es' * (n > 1)}, {name}: {len(times) / SECONDS:,.0f} requests/s,"
                    f" median {at[0]:.1f} ms, 99th percentile {at[1]:.1f} ms"
                )


if __name__ == "__main__":
    main()
