"""An HTTP service that gives the value of customers, and the messages of a day.

It needs `pip install '.[examples]'`. Serve it:

    uvicorn --app-dir examples --factory http_service:make_app --port 8000

For more cores, start a process for each, on ports of their own, behind a load balancer. With `--workers`, uvicorn 0.54
shares one port without TCP_NODELAY, and answers come 40 ms late.

Run as a script, `python examples/http_service.py` starts it on a free port of this computer, asks three questions, and
stops it. `benchmarks/bench_http_service.py` measures how many requests it answers.

A nightly job fits the models and keeps them as JSON. The service reads this JSON when it starts, and never fits. It
keeps nothing between requests, so any number of processes give the same answers.
"""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.frames import fit, summarise
from crmvalue.journeys import Cascade, Customers, MessageHistory, Offer, Policy, plan
from crmvalue.models import GammaGamma, MbgNbd, customer_values
from crmvalue.purchases import PurchaseHistory

if TYPE_CHECKING:
    from collections.abc import Callable

CASCADE = Cascade(offers=[Offer(percent=percent) for percent in (5, 7, 10)], repeat_last=True)
LONG_BODY = 100_000  # bytes from which an answer has a thread of its own, so that it holds up nobody
LONGEST_BODY = 100_000_000  # bytes; more are refused before they fill the memory
HISTORY = ("frequency", "recency", "age", "mean_repeat_spend")
POLICY = Policy(quiet_hours=(21, 9), control_share=0.1)


def fit_models() -> tuple[str, str]:
    """Fit both models as a nightly job does, and give them as JSON."""
    customers = summarise(load_cdnow().to_frame(), as_of="1998-06-30")
    return fit(customers, "mbg_nbd").model.to_json(), fit(customers, "gamma_gamma").model.to_json()


def values_of(columns: dict[str, Any], purchases: MbgNbd, spend: GammaGamma) -> dict[str, Any]:
    """Value customers from their columns, for the next 52 weeks."""
    history = PurchaseHistory.from_columns(**{name: columns[name] for name in HISTORY}, time_unit="week")
    values = customer_values(history, purchases, spend, horizon=52, margin=0.3)
    return {"prob_alive": values.prob_alive.round(4).tolist(), "clv": values.clv.round(2).tolist()}


def messages_of(body: dict[str, Any]) -> dict[str, Any]:
    """Plan the messages of a day. `history` is that of the last answer, and goes into the next question."""
    base = Customers(
        customer=body["customer"],
        dates={"last_purchase": body["last_purchase"]},
        consent={"email": body["email_ok"]},
    )
    history = body.get("history")  # only null, or none at all, is the first day: else somebody hears from us twice
    past = None if history is None else MessageHistory.from_json(json.dumps(history))
    made = plan([CASCADE], base, None, past, POLICY, body["day"])
    sent = made.history() if past is None else past + made.history()
    columns = {
        "key": made.key,
        "customer": made.customer,
        "decision": made.decision,
        "reason": made.reason,
        "send_time": made.send_time.astype(str),
        "offer": made.offer,
    }
    return {**{name: column.tolist() for name, column in columns.items()}, "history": json.loads(sent.to_json())}


async def read(request: Request) -> bytes:
    """Read a body, as long as it is not too long."""
    parts, length = [], 0
    async for part in request.stream():
        parts.append(part)
        length += len(part)
        if length > LONGEST_BODY:
            raise HTTPException(413, f"the body must have at most {LONGEST_BODY:,} bytes")
    return b"".join(parts)


def answer_to(text: bytes, needed: tuple[str, ...], answer: Callable[[dict[str, Any]], dict[str, Any]]) -> JSONResponse:
    """Answer the JSON of a request."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:  # the second from brackets in brackets without end
        raise HTTPException(400, "the body must be JSON") from error
    if not isinstance(body, dict) or not body.keys() >= set(needed):
        raise HTTPException(400, f"the body must be an object with {', '.join(needed)}")
    return JSONResponse(answer(body))


async def refuse(_: Request, error: Exception) -> JSONResponse:
    """Tell which argument breaks which rule, as fields that a program can read."""
    names = ("name", "rule", "index", "hint")
    return JSONResponse({"error": str(error), **{name: getattr(error, name) for name in names}}, status_code=422)


def make_app() -> Starlette:
    """Make the service."""
    purchases_json, spend_json = fit_models()  # here a real service reads the files of the nightly job
    purchases, spend = MbgNbd.from_json(purchases_json), GammaGamma.from_json(spend_json)

    def door(needed: tuple[str, ...], answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
        async def reply(request: Request) -> JSONResponse:
            text = await read(request)
            if len(text) > LONG_BODY:
                return await run_in_threadpool(answer_to, text, needed, answer)
            return answer_to(text, needed, answer)

        return reply

    value = door(HISTORY, lambda body: values_of(body, purchases, spend))
    messages = door(("customer", "last_purchase", "email_ok", "day"), messages_of)
    routes = [Route("/value", value, methods=["POST"]), Route("/plan", messages, methods=["POST"])]
    return Starlette(routes=routes, exception_handlers={InputError: refuse})


def ask(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send a question and read the answer, also that of an error."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310 - the address below
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return {"status": error.code, **json.load(error)}


def main() -> None:
    door = socket.create_server(("127.0.0.1", 0))
    door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    address = f"http://127.0.0.1:{door.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(make_app(), log_level="warning"))
    thread = threading.Thread(target=server.run, args=([door],))
    thread.start()
    try:
        regular = {"frequency": [3, 0], "recency": [49.3, 0], "age": [77.9, 77.9], "mean_repeat_spend": [23.7, 0]}
        print("value:  ", ask(f"{address}/value", regular))
        print("refused:", ask(f"{address}/value", {**regular, "recency": [149.3, 0]}))
        silent = {"customer": ["ann", "bob"], "last_purchase": ["2025-06-02", "2025-11-30"], "email_ok": [True, True]}
        monday = ask(f"{address}/plan", {**silent, "day": "2026-03-02"})
        print("plan:   ", monday["customer"], monday["decision"], monday["offer"], monday["send_time"])
        again = ask(f"{address}/plan", {**silent, "day": "2026-03-02", "history": monday["history"]})
        print("again:  ", again["customer"], again["decision"])
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main()
