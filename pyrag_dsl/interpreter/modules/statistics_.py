"""The module `statistics`. Its data are lists that have been charged; functions that compute accept only numbers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any

from ..container_methods import charge_sort
from ..machine import Machine
from ..making import make_exception
from ..values import Builtin, type_name

_NUMBERS = frozenset({int, float, bool})
_WORK = 8  # steps that the host's exact fractions take for one number


def _numbers(machine: Machine, data: Any) -> list[Any]:
    items = machine.drain(data)
    bits = 0
    for item in items:
        if type(item) not in _NUMBERS:
            raise TypeError(f"can't convert type '{type_name(item)}' to numerator/denominator")
        if type(item) is int:
            bits += item.bit_length()
    machine.charge_steps(64 + len(items) * _WORK + (bits >> 5))
    return items


def _values(machine: Machine, data: Any) -> list[Any]:
    """The data as a list of any values, which are only compared or counted."""
    items = machine.drain(data)
    machine.charge_steps(16 + (len(items) * len(items).bit_length() >> 2))
    charge_sort(machine, items)
    found: list[Any] = machine.charge_keys(items)
    return found


def _over(name: str, read: Callable[[Machine, Any], list[Any]]) -> Builtin:
    host = getattr(statistics, name)
    return Builtin(name, lambda machine, data, /: host(read(machine, data)))


def _spread(name: str, centre: str) -> Builtin:
    """A measure of spread; `centre` names its optional argument."""
    host = getattr(statistics, name)

    def measure(machine: Machine, data: Any, /, *args: Any, **kwargs: Any) -> Any:
        if kwargs.keys() - {centre} or len(args) + len(kwargs) > 1:
            raise TypeError(f"{name}() takes the data and {centre}")
        given = (*args, *kwargs.values())
        _numbers(machine, [number for number in given if number is not None])
        return host(_numbers(machine, data), *given)

    return Builtin(name, measure)


def _fmean(machine: Machine, data: Any, /, weights: Any = None) -> float:
    numbers = [float(number) for number in _numbers(machine, data)]
    if weights is None:
        return statistics.fmean(numbers)
    shares = [float(number) for number in _numbers(machine, weights)]
    if len(shares) != len(numbers):
        raise statistics.StatisticsError("data and weights must be the same length")
    total = math.fsum(shares)
    if not total:
        raise statistics.StatisticsError("sum of weights must be non-zero")
    return math.fsum(number * share for number, share in zip(numbers, shares, strict=True)) / total


def _median(machine: Machine, data: Any, /) -> Any:
    items = _values(machine, data)
    if len(items) % 2 == 0:
        _numbers(machine, items)
    return statistics.median(items)


def _error(machine: Machine, /, *args: Any) -> Exception:
    return make_exception(machine, statistics.StatisticsError, args)


MEMBERS: dict[str, Any] = {
    "StatisticsError": Builtin("statistics.StatisticsError", _error, host=statistics.StatisticsError),
    "fmean": Builtin("fmean", _fmean),
    "mean": _over("mean", _numbers),
    "median": Builtin("median", _median),
    "median_high": _over("median_high", _values),
    "median_low": _over("median_low", _values),
    "mode": _over("mode", _values),
    "multimode": _over("multimode", _values),
    "pstdev": _spread("pstdev", "mu"),
    "pvariance": _spread("pvariance", "mu"),
    "stdev": _spread("stdev", "xbar"),
    "variance": _spread("variance", "xbar"),
}
