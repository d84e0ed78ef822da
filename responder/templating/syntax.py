"""What a template may consist of, and where its meters go.

`environment` passes every template through `bind` after it was parsed. Nothing here renders.
"""

from typing import Any, Final

from jinja2 import TemplateSyntaxError, nodes
from jinja2.visitor import NodeTransformer

_NODES: Final = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.For,
    nodes.If,
    nodes.Assign,
    nodes.Name,
    nodes.NSRef,
    nodes.Const,
    nodes.Tuple,
    nodes.List,
    nodes.Dict,
    nodes.Pair,
    nodes.Keyword,
    nodes.CondExpr,
    nodes.Filter,
    nodes.Test,
    nodes.Call,
    nodes.Getitem,
    nodes.Getattr,
    nodes.Slice,
    nodes.Concat,
    nodes.Compare,
    nodes.Operand,
    nodes.BinExpr,
    nodes.UnaryExpr,
)


def _count(node: nodes.Node) -> int:
    return 1 + sum(map(_count, node.iter_child_nodes()))


class _Bound(NodeTransformer):
    """Refuses what is not listed, and puts the meters in."""

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(node, _NODES):
            word = {"CallBlock": "call", "FilterBlock": "filter", "AssignBlock": "set ... endset"}.get(
                type(node).__name__, type(node).__name__.lower()
            )
            raise TemplateSyntaxError(f"{{% {word} %}} is not available here", node.lineno)
        return super().visit(node, *args, **kwargs)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - jinja2's name for it
        if node.recursive:
            raise TemplateSyntaxError("a loop cannot be recursive here", node.lineno)
        cost = nodes.Const(_count(node), lineno=node.lineno)
        self.generic_visit(node)
        node.iter = _filter("_counted", node.iter, [cost])
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        if node.node is None:
            raise TemplateSyntaxError("{% filter %} is not available here", node.lineno)
        if node.name.startswith("_"):
            raise TemplateSyntaxError(f"No filter named {node.name!r}.", node.lineno)
        self.generic_visit(node)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        pieces = nodes.List(node.nodes, lineno=node.lineno)
        return _filter("join", pieces)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.expr = _filter("_sized", node.expr)
        for operand in node.ops:
            operand.expr = _filter("_sized", operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _filter("_sized", node.node)
        return node

    def _literal(self, node: Any) -> Any:
        self.generic_visit(node)
        stored = isinstance(node, nodes.Tuple) and node.ctx == "store"
        return node if stored else _filter("_flat", node)

    visit_List = visit_Tuple = visit_Dict = _literal


def _filter(name: str, node: Any, args: list[nodes.Expr] | None = None) -> nodes.Filter:
    return nodes.Filter(node, name, args or [], [], None, None, lineno=node.lineno)


def bind(template: nodes.Template) -> nodes.Template:
    """The template with meters in it. Raises TemplateSyntaxError for what is not available here."""
    bound: nodes.Template = _Bound().visit(template)
    return bound
