"""Work side by side: results, errors, and a host without further threads."""

import threading

import numpy as np
import pytest

from crmvalue._core.encoding import threads
from crmvalue._core.encoding.threads import in_halves, side_by_side

MANY = 1 << 20


def fail(error):
    raise error


class TestSideBySide:
    """`side_by_side`: "call two functions that work on `n` elements at the same time"."""

    @pytest.mark.parametrize("n", [0, MANY])
    def test_results(self, n):
        assert side_by_side(n, lambda: 1, lambda: "two") == (1, "two")

    @pytest.mark.parametrize("n", [0, MANY])
    def test_the_first_error_counts(self, n):
        with pytest.raises(ValueError, match="first"):
            side_by_side(n, lambda: fail(ValueError("first")), lambda: fail(KeyError("second")))
        with pytest.raises(KeyError, match="second"):
            side_by_side(n, lambda: 1, lambda: fail(KeyError("second")))

    def test_errstate_of_the_caller(self):
        with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
            side_by_side(MANY, lambda: 1, lambda: np.ones(3) / np.zeros(3))

    def test_both_run_at_once(self, monkeypatch):
        monkeypatch.setattr(threads.os, "cpu_count", lambda: 2)
        meet = threading.Barrier(2, timeout=10)
        side_by_side(MANY, meet.wait, meet.wait)

    def test_few_elements_and_one_core_need_no_thread(self, monkeypatch):
        here = threading.get_ident()
        assert side_by_side(10, threading.get_ident, threading.get_ident) == (here, here)
        monkeypatch.setattr(threads.os, "cpu_count", lambda: 1)
        assert side_by_side(MANY, threading.get_ident, threading.get_ident) == (here, here)

    def test_host_without_threads(self, monkeypatch):
        monkeypatch.setattr(threads.os, "cpu_count", lambda: 2)
        monkeypatch.setattr(threading.Thread, "start", lambda _: fail(RuntimeError("can't start new thread")))
        assert side_by_side(MANY, lambda: 1, lambda: 2) == (1, 2)


class TestInHalves:
    """`in_halves`: "call `work(begin, end)` for the two halves of `n` elements"."""

    @pytest.mark.parametrize("n", [0, 1, 7, MANY + 1])
    def test_every_element_once(self, n):
        seen = np.zeros(n, dtype=int)

        def work(begin, end):
            seen[begin:end] += 1

        in_halves(n, work)
        assert (seen == 1).all()
