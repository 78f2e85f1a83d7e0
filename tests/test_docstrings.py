"""Every public docstring has the form of numpydoc, as its own validator checks it."""

from __future__ import annotations

import inspect

import pytest

from tests.test_public_api import OBJECTS

validate = pytest.importorskip("numpydoc.validate", reason="numpydoc comes with the extra docs").validate

LEFT_OUT = {
    "ES01": "a sentence may say it all",
    "SA01": "the table of the module says what else there is",
    "PR03": "parameters that share a description stand together",
    "PR04": "parameters 'as in' another function have their types there",
    "SS05": "quantities are nouns, such as 'Points of each order'; its rule takes a plural for a verb",
}
"""Checks of numpydoc that do not fit this house, with the reason."""

LEFT_OUT_OF_METHODS = {"EX01": "the example of the class shows its methods"}

TYPES = {"crmvalue.typing.ArrayLike"}
"""Names of types, which have no docstring of their own."""


def documented(thing):
    """Give the docstring, cleaned of its indentation."""
    return inspect.getdoc(getattr(thing, "__func__", thing)) or ""


def members_with_sections(name, thing):
    """Give the methods and properties that say more than one sentence on what they take or give.

    A sentence is enough where a method takes what its class explains, such as `to_json()`. Inherited ones come once.
    """
    for key in dir(thing):
        member = inspect.getattr_static(thing, key)
        text = documented(member)
        if not key.startswith("_") and ("Parameters\n---" in text or "Returns\n---" in text):
            yield f"{name}.{key}", getattr(member, "__func__", member)


def every_docstring():
    """Give the name of each public function and class, and of each member that has sections; each of them once."""
    found = {}
    for name, thing in OBJECTS:
        if name not in TYPES:
            found.setdefault(id(thing), (name, LEFT_OUT))
        if inspect.isclass(thing):
            for member, what in members_with_sections(name, thing):
                found.setdefault(id(what), (member, LEFT_OUT | LEFT_OUT_OF_METHODS))
    return [pytest.param(name, left_out, id=name) for name, left_out in found.values()]


@pytest.mark.parametrize(("name", "left_out"), every_docstring())
def test_has_the_form_of_numpydoc(name, left_out):
    found = [f"{code}: {message}" for code, message in validate(name)["errors"] if code not in left_out]
    assert not found
