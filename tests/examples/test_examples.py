"""The examples run: each script from its first line to its last, and the notebooks show what they store."""

from __future__ import annotations

import importlib.util
import json
import re
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))

SAYS = {
    "checkout": ["50 promotions", "the cheapest legal price is proven", "is refunded"],
    "funnel_and_experiment": ["the weakest step is enquiry to call", "new page is higher", "decided at look"],
    "http_service": ["'clv': [9.49, 1.12]", "'status': 422", "['send'] ['5 %']", "['duplicate']"],
    "nightly_campaign": ["'send': 300", "against the control group"],
    "overview_as_data": ["read back unchanged: True", "spend at most"],
}
"""What each script prints, among other things."""


def need(*modules):
    """Skip where an extra is missing, and say which."""
    lost = [name for name in modules if importlib.util.find_spec(name) is None]
    if lost:
        pytest.skip(f"{', '.join(lost)} missing: pip install '.[examples]'")


def test_all_are_here():
    assert [path.stem for path in SCRIPTS] == sorted(SAYS)
    assert [path.stem for path in NOTEBOOKS] == ["campaign", "value_of_a_base"]


def test_the_readme_names_them_all():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\((.*?\.(?:py|ipynb))\)", text)) == {path.name for path in [*SCRIPTS, *NOTEBOOKS]}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script_runs(path, capsys):
    if path.stem == "http_service":
        need("starlette", "uvicorn")
    runpy.run_path(str(path), run_name="__main__")
    printed = capsys.readouterr()
    assert [text for text in SAYS[path.stem] if text not in printed.out] == []
    assert printed.err == ""


@pytest.fixture(scope="module")
def post():
    need("starlette", "uvicorn")
    import asyncio

    spec = importlib.util.spec_from_file_location("http_service", EXAMPLES / "http_service.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app = module.make_app()

    def post(path, body):
        """Send one request straight into the application."""
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
        asyncio.run(app(scope, receive, send))
        return sent[0]["status"], b"".join(part.get("body", b"") for part in sent[1:]).decode()

    post.service = module
    return post


class TestService:
    """The service tells what is wrong with a question, and its answers are those of the library."""

    @pytest.mark.parametrize("path", ["/value", "/plan"])
    @pytest.mark.parametrize(
        "body", [b"", b"[1]", b"{}", b"\xff", b'{"frequency": [1]}', b"[" * 99_999, b"[" * 200_000]
    )
    def test_refuses_what_is_no_question(self, post, path, body):
        status, text = post(path, body)
        assert status == 400
        assert text.startswith("the body must be")

    def test_names_the_argument(self, post):
        body = {"frequency": [1], "recency": [9], "age": [4], "mean_repeat_spend": [5]}
        status, text = post("/value", json.dumps(body).encode())
        assert status == 422
        assert json.loads(text)["name"] == "recency"

    def test_days_are_checked(self, post):
        body = {"customer": ["ann"], "last_purchase": ["2025-06-02"], "email_ok": [True], "day": "today"}
        status, text = post("/plan", json.dumps(body).encode())
        assert (status, json.loads(text)["name"]) == (422, "as_of")

    @pytest.mark.parametrize("history", [[], {}, "", 0, False])
    def test_another_history_than_that_of_an_answer_is_refused(self, post, history):
        """Else the messages of the day would be sent again."""
        body = {"customer": ["ann"], "last_purchase": ["2025-06-02"], "email_ok": [True], "day": "2026-03-02"}
        assert post("/plan", json.dumps({**body, "history": None}).encode())[0] == 200
        assert post("/plan", json.dumps({**body, "history": history}).encode())[0] == 422

    def test_a_body_that_is_too_long(self, post, monkeypatch):
        monkeypatch.setattr(post.service, "LONGEST_BODY", 10)
        assert post("/value", b" " * 11) == (413, "the body must have at most 10 bytes")

    def test_a_long_question_has_the_same_answer(self, post):
        body = json.dumps({"frequency": [3], "recency": [49.3], "age": [77.9], "mean_repeat_spend": [23.7]}).encode()
        assert post("/value", body + b" " * post.service.LONG_BODY) == post("/value", body)


class TestNotebooks:
    """They show what they store, and store nothing of the machine that ran them."""

    @pytest.mark.slow
    def test_show_what_they_store(self):
        need("IPython", "nbformat", "matplotlib")
        command = [sys.executable, "-m", "tests.examples.notebooks", "--check"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("are as stored") == len(NOTEBOOKS)

    @pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
    def test_store_pictures_and_no_paths(self, path):
        text = path.read_text(encoding="utf-8")
        for place in (
            "/home/",
            "/root/",
            "/usr/",
            "/Users/",
            "site-packages",
            "Traceback",
            sys.prefix,
            tempfile.gettempdir(),
        ):
            assert place not in text, place
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        assert "load_cdnow().to_frame()" in "".join(cells[0]["source"])
        outputs = [output for cell in cells for output in cell["outputs"]]
        assert {output["output_type"] for output in outputs} <= {"stream", "execute_result"}
        assert sum("image/png" in output.get("data", {}) for output in outputs) >= 3

    @pytest.mark.parametrize(
        ("stored", "shown", "alike"),
        [
            ("worth 9.0500 dollars", "worth  9.05 dollars", True),
            ("worth 9.05 dollars", "worth 9.06 dollars", False),
            ("worth 9.05 dollars", "worth 9.05 euros", False),
            ({"x": [1.0, 2.0]}, {"x": [1.0, 2.0 + 1e-9]}, True),
            ({"x": [1.0, 2.0]}, {"x": [1.0]}, False),
            ({"x": 1.0}, {"y": 1.0}, False),
            ({"x": [{"mark": "bar"}]}, {"x": [{"mark": "line"}]}, False),
            ({"image/png": "a", "n": 1}, {"image/png": "b", "n": 1}, True),
        ],
    )
    def test_the_comparison_sees_differences(self, stored, shown, alike):
        from tests.examples.notebooks import is_alike

        assert is_alike(stored, shown) is alike
