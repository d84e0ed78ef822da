"""The sandbox: Jinja2 with what it takes to say something about alerts, and a bound on all of it.

`rendering` compiles templates with it. What a template may reach is listed here, name by name; what
is not listed is refused.
"""

from typing import Any, Final

from jinja2 import StrictUndefined, nodes
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from responder.templating.context import Record
from responder.templating.metering import Charged, Refused, filters, shown, size, spend, tests
from responder.templating.syntax import bind

_BIG: Final = 1 << 53
"""Numbers above it are refused, so that none grows without end."""

_TEXT_METHODS: Final = frozenset({"endswith", "lower", "split", "startswith", "strip", "title", "upper"})
_PAIRS_METHODS: Final = frozenset({"get", "items", "keys", "values"})
_OPERATORS: Final = frozenset({"+", "*", "**", "%"})


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2 for the rules. `html`: values are escaped."""

    intercepted_binops = _OPERATORS
    context_class = Charged

    def __init__(self, html: bool) -> None:
        """An environment without a loader: templates are texts and know no others."""
        super().__init__(
            autoescape=html,
            undefined=StrictUndefined,
            finalize=shown,
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            cache_size=0,
        )
        self.globals = {"range": _range, "namespace": Namespace}
        self.filters = filters()
        self.tests = tests()

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return bind(super()._parse(source, name, filename))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`obj.attribute`: entries of mappings, and the few methods that are listed."""
        if attribute.startswith("_"):
            raise Refused(f"{attribute[:32]}: what begins with an underscore cannot be reached")
        if isinstance(obj, dict):
            # A label that is called `items` is labels["items"].
            if attribute in _PAIRS_METHODS:
                return getattr(obj, attribute)
            return self._entry(obj, attribute, repr(attribute[:32]))
        if isinstance(obj, Undefined):
            return getattr(obj, attribute)  # raises, and says what is undefined
        listed = (
            (isinstance(obj, str) and attribute in _TEXT_METHODS)
            or (isinstance(obj, tuple) and attribute in ("grouper", "list"))
            or isinstance(obj, (Namespace, LoopContext))
        )
        found = getattr(obj, attribute, self) if listed else self
        return self.undefined(f"there is no {attribute[:32]!r} here") if found is self else found

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`obj[argument]`: an entry, never an attribute."""
        if isinstance(obj, dict):
            return self._entry(obj, argument, "such entry")
        if isinstance(obj, Undefined):
            return obj[argument]
        if isinstance(argument, str) and argument.isdecimal() and len(argument) < 9:
            argument = int(argument)  # sort(attribute="x.0")
        if isinstance(obj, (list, tuple, str)) and isinstance(argument, int):
            try:
                return obj[argument]
            except IndexError:
                return self.undefined("there are not so many")
        if isinstance(obj, tuple) and argument in ("grouper", "list"):
            return self.getattr(obj, argument)
        return self.undefined("there is no such entry")

    def _entry(self, obj: dict[Any, Any], key: Any, what: str) -> Any:
        """What a mapping has: "" if it has no such label; what an alert cannot have is a mistake."""
        try:
            return obj[key]
        except (KeyError, TypeError):
            return self.undefined(f"there is no {what} here") if isinstance(obj, Record) else ""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """`+`, `*`, `**`, `%`: numbers of an ordinary size; `+` also texts and lists."""
        number = isinstance(left, (int, float)) and isinstance(right, (int, float))
        if number and operator != "**":
            if abs(left) < _BIG and abs(right) < _BIG:
                return super().call_binop(context, operator, left, right)
            raise Refused(f"{operator}: too large a number")
        alike = (isinstance(left, str) and isinstance(right, str)) or (
            isinstance(left, list) and isinstance(right, list)
        )
        if operator == "+" and alike:
            spend(context, size(left) + size(right))
            return left + right
        for operand in (left, right):
            if isinstance(operand, Undefined):
                str(operand)  # raises, and says what is undefined
        raise Refused(f"{operator}: not between these; + joins texts, lists or numbers, ~ joins anything")

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805, PYI063
        """Call a method that `getattr` gave, or a function of ours."""
        result = super().call(__context, __obj, *args, **kwargs)
        spend(__context, size(result))
        return result


def _range(*args: int) -> range:
    numbers = range(*args)
    if len(numbers) > 1_000:
        raise Refused("range: more than 1000 numbers")
    return numbers


TEXT: Final = Sandbox(html=False)
HTML: Final = Sandbox(html=True)
