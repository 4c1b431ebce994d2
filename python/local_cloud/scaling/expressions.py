"""Metric math, the part that alarms commonly use: arithmetic, comparisons, ``IF``, ``FILL``, ``MAX([m, n])``.

Source: "Using math expressions with CloudWatch metrics", Amazon CloudWatch user guide. Functions over whole
time series (RATE, ANOMALY_DETECTION_BAND, SEARCH, Metrics Insights queries) are refused by name.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from serving_contracts.limits import METRIC_MATH_CHARACTERS

Values = Mapping[str, float | None]
"""The value of each id in one period; None where it is missing."""

_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[float, float], bool]]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_OF_ARRAYS: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "MAX": max,
    "MIN": min,
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
}
"""Of several series, period by period; what is missing is left out. (Of one they are its whole range's.)"""


class UnknownExpression(ValueError):
    """An expression that is not computed here; the message says which part of it."""


class Expression:
    """An expression with the ids of other queries in it."""

    def __init__(self, text: str, others: Mapping[str, str] | None = None) -> None:
        """``others`` are the expressions that ``text`` may refer to, by their ids.

        Raises UnknownExpression.
        """
        self.text = text
        self.ids: set[str] = set()
        self._others = others or {}
        self._tree = self._parsed(text, set())

    def value(self, values: Values) -> float | None:
        """None where a metric is missing that is not filled, or a division is by zero."""
        try:
            return self._value(self._tree, values)
        except (ZeroDivisionError, OverflowError):
            return None

    def _parsed(self, text: str, within: set[str]) -> ast.expr:
        if len(text) > METRIC_MATH_CHARACTERS:
            raise UnknownExpression(f"it has more than {METRIC_MATH_CHARACTERS} characters")
        try:
            tree = ast.parse(text.replace("^", "**").strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError):
            raise UnknownExpression(f"{text!r} is not an arithmetic expression") from None
        return self._checked(tree, within)

    def _checked(self, node: ast.expr, within: set[str]) -> ast.expr:
        match node:
            case ast.Constant(value=int() | float()):
                return node
            case ast.Name(id=name):
                if name in self._others:
                    if name in within:
                        raise UnknownExpression(f"{name} refers to itself")
                    return self._parsed(self._others[name], within | {name})
                self.ids.add(name)
                return node
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return ast.BinOp(self._checked(left, within), op, self._checked(right, within))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return ast.UnaryOp(ast.USub(), self._checked(operand, within))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                return ast.Compare(self._checked(left, within), [op], [self._checked(right, within)])
            case ast.Call(func=ast.Name(id="FILL" | "IF") as called, args=args, keywords=[]) if len(args) == (
                2 if called.id == "FILL" else 3
            ):
                return ast.Call(called, [self._checked(argument, within) for argument in args], [])
            case ast.Call(func=ast.Name(id=name), args=[ast.List(elts=series)], keywords=[]) if (
                name in _OF_ARRAYS and series
            ):
                checked = [self._checked(each, within) for each in series]
                return ast.Call(ast.Name(name), [ast.List(checked)], [])
            case ast.Call(func=ast.Name(id=name)):
                raise UnknownExpression(f"the function {name} is not computed by the local cloud")
        raise UnknownExpression(f"{ast.unparse(node)!r} is not computed by the local cloud")

    def _value(self, node: ast.expr, values: Values) -> float | None:
        match node:
            case ast.Constant(value=number):
                return float(number)  # type: ignore[arg-type]  # _checked lets only numbers through
            case ast.Name(id=name):
                return values.get(name)
            case ast.UnaryOp(operand=operand):
                value = self._value(operand, values)
                return None if value is None else -value
            case ast.BinOp(left=left, op=op, right=right):
                first, second = self._value(left, values), self._value(right, values)
                if first is None or second is None:
                    return None
                result = _ARITHMETIC[type(op)](first, second)
                return result if isinstance(result, float) else None
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                first, second = self._value(left, values), self._value(right, values)
                if first is None or second is None:
                    return None
                return float(_COMPARISONS[type(op)](first, second))
            case ast.Call(func=ast.Name(id="FILL"), args=[series, instead]):
                value = self._value(series, values)
                return self._value(instead, values) if value is None else value
            case ast.Call(func=ast.Name(id=name), args=[ast.List(elts=series)]):
                found = [value for each in series if (value := self._value(each, values)) is not None]
                return float(_OF_ARRAYS[name](found)) if found else None
            case ast.Call(args=[condition, then, otherwise]):
                decided = self._value(condition, values)
                if decided is None:
                    return None
                return self._value(then if decided else otherwise, values)
        raise AssertionError(f"{ast.unparse(node)} was not checked")
