"""Where customers stand in a general journey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from crmvalue._core.frames import Columns
from crmvalue._core.values import array_columns, date_table, label_column, require_columns, stay_frozen

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from crmvalue.typing import Dates

__all__ = ["JourneyRuns"]


@stay_frozen
@attrs.frozen(kw_only=True)
class JourneyRuns(Columns):
    """Where customers stand in a journey, one row for each entry of a customer.

    Parameters
    ----------
    customer : ndarray
        Identifier.
    entered : ndarray of datetime64[s]
        When the customer entered; here a run begins.
    step : ndarray of str
        Step at which the customer is, or was when the run ended; "end" after the last step.
    since : ndarray of datetime64[s]
        When the customer came to that step.
    outcome : ndarray of str
        "running", "goal", "exit", "finished", or "stopped": the message of the step was not sent while it was valid.
    ended : ndarray of datetime64[s]
        When the run ended; NaT while it is running.

    Examples
    --------
    >>> from crmvalue.journeys import Customers, Events, Journey, Message, Wait
    >>> journey = Journey("hello", entry="registered", steps={"wait": Wait("3 days"), "hello": Message()})
    >>> registered = Events(customer=[1], name=["registered"], time=["2024-05-01T12:00"])
    >>> runs = journey.runs(Customers(customer=[1]), registered, "2024-05-02")
    >>> print(runs.step[0], runs.outcome[0])
    wait running
    """

    customer: npt.NDArray[Any] = label_column("customer")
    entered: Dates = date_table("entered", missing=False)
    step: npt.NDArray[np.str_] = label_column("step", texts=True)
    since: Dates = date_table("since", missing=False)
    outcome: npt.NDArray[np.str_] = label_column("outcome", texts=True)
    ended: Dates = date_table("ended")

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.customer), ("entered", "step", "since", "outcome", "ended"), "runs")

    def __len__(self) -> int:
        return len(self.entered)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """All columns by name, for a dataframe of any kind."""
        return array_columns(self)
