from __future__ import annotations

import contextlib
import doctest
import functools
import importlib
import inspect
import io
import pkgutil
import re
import types
import xml.etree.ElementTree as ET
from pathlib import Path
from types import GenericAlias
from typing import TYPE_CHECKING

import attrs
import matplotlib as mpl
from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import crmvalue

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

MATHML = "http://www.w3.org/1998/Math/MathML"

project = "crmvalue"
author = "The crmvalue developers"
copyright = "2026, the crmvalue developers"
version = release = crmvalue.__version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
default_role = "code"  # `margin` in a docstring is a name, not an emphasis
html_theme = "furo"
html_math_renderer = "mathml"  # browsers draw it themselves; the default would load a script from elsewhere
html_title = f"crmvalue {release}"
html_static_path = ["_static"]
html_css_files = ["wrap.css"]
toc_object_entries_show_parents = "hide"  # "from_json()" fits into the margin, with its class it does not
myst_enable_extensions = ["attrs_block", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "inherited-members": True}
autodoc_member_order = "groupwise"
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # the docstrings name types with their units and shapes
numpydoc_show_class_members = False  # autodoc lists them already

# The build needs no network, so it cannot look up what Python and numpy document on their own sites. Only types of
# theirs are excused; a name of crmvalue never is.
nitpicky = True
nitpick_ignore_regex = [
    ("py:class", r"(numpy|typing|collections|datetime|decimal|fractions)\..*"),
    ("py:class", r"(dict|list|tuple|set|frozenset|str|bytes|int|float|bool|object|type|None)"),
]


class Picture(SphinxDirective):
    """Draw the picture of a variable of the page's examples, which run once for each page."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write the picture as SVG, and point to it."""
        (name,) = self.arguments
        result = values_of_examples(Path(self.env.doc2path(self.env.docname)))[name]
        file = Path("_build", "pictures", f"{self.env.docname.replace('/', '-')}-{name}.svg")
        target = Path(self.env.srcdir, file)
        target.parent.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context({"svg.hashsalt": name}):
            result.plot().figure.savefig(target, metadata={"Date": None})
        return [nodes.image(uri=f"/{file.as_posix()}", alt=result.to_vega()["description"])]


class Page(SphinxDirective):
    """Show a page of HTML that is a variable of the page's examples."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write the page into the output, and show it in a frame."""
        (name,) = self.arguments
        page = values_of_examples(Path(self.env.doc2path(self.env.docname)))[name]
        file = f"{self.env.docname.replace('/', '-')}-{name}.html"
        target = Path(self.env.app.outdir, "_static", file)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(str(page), encoding="utf-8")
        place = f"{'../' * self.env.docname.count('/')}_static/{file}"
        frame = f'<iframe src="{place}" title="{name}" class="page" loading="lazy"></iframe>'
        link = f'<p><a href="{place}">Open it on its own</a></p>'
        return [nodes.raw("", frame + link, format="html")]


@functools.cache
def values_of_examples(page: Path) -> dict[str, object]:
    """Run the Python examples of a page and give their variables."""
    blocks = re.findall(r"^```python\n((?:.*\n)*?)```$", page.read_text(encoding="utf-8"), re.MULTILINE)
    examples = doctest.DocTestParser().get_examples("\n".join(blocks))
    values: dict[str, object] = {}
    for example in examples:
        raises = contextlib.suppress(Exception if example.exc_msg else ())
        with contextlib.redirect_stdout(io.StringIO()), raises:
            exec(compile(example.source, str(page), "single"), values)  # noqa: S102 - the examples of these very docs
    return values


def setup(app: Sphinx) -> None:
    """Document every public name, constants and types that a private module defines included."""
    app.add_directive("picture", Picture)
    app.add_html_math_renderer("mathml", (write_math, None), (write_math, None))
    app.add_directive("page", Page)
    app.connect("builder-inited", lambda _: lend_docstrings())
    app.connect("autodoc-process-signature", lambda *given: (signature_of(given[3]), None))
    app.connect("autodoc-skip-member", lambda *given: True if is_left_out(*given[1:4]) else None)
    app.connect("env-check-consistency", lambda _, env: require_every_public_name(env))


def write_math(translator: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """Write a formula as MathML; one that docutils does not understand is a warning, and so an error."""
    is_block = isinstance(node, nodes.math_block)
    try:
        formula = tex2mathml(node.astext(), as_block=is_block)
    except MathError as error:
        logger.warning("%s in the formula %s", error, node.astext(), location=node)
        formula = ""
    formula = move_indices(formula)
    translator.body.append(f'<div class="math">{formula}</div>\n' if is_block else formula)
    raise nodes.SkipNode


def move_indices(formula: str) -> str:
    """Put the index of a letter with a bar or a hat beside it; docutils writes it below."""
    if "munderover" not in formula:
        return formula
    tree = ET.fromstring(formula)  # noqa: S314 - docutils wrote it
    for stacked in tree.iter(f"{{{MATHML}}}munderover"):
        letter, index, sign = stacked
        if sign.get("stretchy") == "false":
            accented = ET.Element(stacked.tag.replace("munderover", "mover"), accent="true")
            accented.extend([letter, sign])
            stacked.tag = stacked.tag.replace("munderover", "msub")
            stacked[:] = [accented, index]
    ET.register_namespace("", MATHML)
    return ET.tostring(tree, encoding="unicode")


def signature_of(thing: object) -> str | None:
    """Write the signature of a frozen value with its real defaults; attrs hides them from autodoc."""
    if not (inspect.isclass(thing) and attrs.has(thing)):
        return None
    written, keywords = [], False
    for field in (field for field in attrs.fields(thing) if field.init):
        if field.kw_only and not keywords:
            written.append("*")
            keywords = True
        default = "" if field.default is attrs.NOTHING else f"={default_of(field.default)}"
        written.append(field.alias + default)
    return f"({', '.join(written)})"


def default_of(value: object) -> str:
    """Write a default as one would type it."""
    return f"{value.factory.__name__}()" if isinstance(value, attrs.Factory) else repr(value)


def is_left_out(what: str, name: str, thing: object) -> bool:
    """Leave out fields of named tuples, which the parameters of their class describe, and what other packages define.

    A public class lists the methods of its private bases in crmvalue, but not those of dict, tuple or Exception.
    """
    if str(getattr(thing, "__doc__", "")).startswith("Alias for field number"):
        return True
    return what in {"class", "exception"} and not name.startswith("_") and is_foreign(thing)


def is_foreign(member: object) -> bool:
    """Whether a method or property of a class comes from outside of crmvalue; plain values never do."""
    method = member
    for wrapper in ("fget", "func", "__func__", "__wrapped__"):  # property, cached property, classmethod, decorators
        method = getattr(method, wrapper, None) or method
    if not (inspect.isroutine(method) or inspect.isdatadescriptor(method)):
        return False
    home = getattr(getattr(method, "__objclass__", method), "__module__", None) or "builtins"
    return home.split(".")[0] != "crmvalue"


def public_modules() -> list[types.ModuleType]:
    """Import the modules right under crmvalue that are not private; packages are the only door to what they hold."""
    names = [info.name for info in pkgutil.iter_modules(crmvalue.__path__, "crmvalue.")]
    return [importlib.import_module(name) for name in names if "._" not in name]


def require_every_public_name(env: BuildEnvironment) -> None:
    """Warn of public names, and methods of public classes, without a place in the reference.

    What several doors have is described at one of them.
    """
    described = env.domains["py"].objects
    doors = public_modules()
    for module in doors:
        homes = {name: [door.__name__ for door in doors if is_in(door, name, module)] for name in module.__all__}
        names = [
            f"{module.__name__}.{name}"
            for name, found in homes.items()
            if not any(f"{door}.{name}" in described for door in found if door != module.__name__)
        ]
        names += [f"{name}.{method}" for name in names for method in own_methods(getattr(module, name.split(".")[-1]))]
        for name in names:
            if name not in described:
                logger.warning("%s is not in the reference", name)


def is_in(door: types.ModuleType, name: str, module: types.ModuleType) -> bool:
    """Whether a door has the same thing of that name as another one."""
    return name in door.__all__ and getattr(door, name) is getattr(module, name)


def own_methods(thing: object) -> list[str]:
    """Name the public methods and properties of a class that crmvalue defines, inherited ones included."""
    if not inspect.isclass(thing):
        return []
    members = {name: inspect.getattr_static(thing, name) for name in dir(thing) if not name.startswith("_")}
    written = (property, functools.cached_property, classmethod, staticmethod, types.FunctionType)
    return [
        name
        for name, member in members.items()
        if isinstance(member, written) and not is_foreign(member) and ":meta private:" not in str(member.__doc__)
    ]


def lend_docstrings() -> None:
    """Lend a public module the docstrings of the constants that it re-exports.

    Autodoc looks for the docstring of a constant only in the module that it documents.
    """
    names = [info.name for info in pkgutil.walk_packages(crmvalue.__path__, "crmvalue.")]
    analyzers = {name: ModuleAnalyzer.for_module(name) for name in names}
    lent = {}
    for analyzer in analyzers.values():
        analyzer.analyze()
        lent |= {name: text for (scope, name), text in analyzer.attr_docs.items() if not scope}
    for module in public_modules():
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isfunction(thing) or inspect.isclass(thing) or isinstance(thing, GenericAlias):
                continue  # the aliases of numpy's arrays are described on the page itself: autodoc stumbles over them
            text = lent.get(name, ["A type in the signatures of this module.", ""])
            if isinstance(thing, tuple) or type(thing).__module__.startswith("crmvalue"):
                text = [*text, ":meta hide-value:", ""]  # a long table
            analyzers[module.__name__].attr_docs["", name] = text
