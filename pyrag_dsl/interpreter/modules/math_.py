"""The module `math`. The size of a result that can be large is computed by logarithms before it is made."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import operators
from ..dates import without_machine
from ..machine import Machine
from ..values import Builtin

# Functions from numbers to numbers whose results are no larger than a float.
_SMALL = (
    "acos",
    "asin",
    "atan",
    "atan2",
    "ceil",
    "copysign",
    "cos",
    "degrees",
    "exp",
    "fabs",
    "floor",
    "fmod",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "log",
    "log10",
    "log2",
    "pow",
    "radians",
    "sin",
    "sqrt",
    "tan",
    "trunc",
)
_CONSTANTS = ("e", "inf", "nan", "pi", "tau")
_INTEGERS = frozenset({int, bool})
_EXACT = 1 << 50  # from here on the difference of two logarithms of factorials is not exact enough


def _small(name: str) -> Builtin:
    return Builtin(name, without_machine(getattr(math, name)))


def _log2_factorial(n: int) -> float:
    return math.lgamma(n + 1) / math.log(2)


def _factorial(machine: Machine, n: Any, /) -> int:
    if type(n) in _INTEGERS and n > 3:
        _charge_factorial(machine, n)
    return math.factorial(n)


def _charge_factorial(machine: Machine, n: int) -> None:
    machine.check_bits(n)  # n! has more than n bits
    bits = int(_log2_factorial(n))
    machine.check_bits(bits)
    machine.charge_steps(bits >> 5)


def _perm(machine: Machine, n: Any, k: Any = None, /) -> int:
    if k is None:
        return _factorial(machine, n)
    if type(n) in _INTEGERS and type(k) in _INTEGERS and 3 < k <= n:
        machine.check_bits(k)  # n!/(n-k)! is at least k!
        exact = n < _EXACT
        bits = int(_log2_factorial(n) - _log2_factorial(n - k)) if exact else k * (n.bit_length() - 1)
        machine.check_bits(bits)
        machine.charge_steps((bits >> 5) + (bits * bits >> 18))
    return math.perm(n, k)


def _comb(machine: Machine, n: Any, k: Any, /) -> int:
    if type(n) in _INTEGERS and type(k) in _INTEGERS and 0 < k < n:
        fewer = min(k, n - k)
        machine.check_bits(fewer)  # C(n, k) is at least 2**k if k <= n/2
        rows = _log2_factorial(fewer)
        exact = n < _EXACT
        bits = int(
            _log2_factorial(n) - rows - _log2_factorial(n - fewer) if exact else fewer * (n.bit_length() - 1) - rows
        )
        machine.check_bits(bits)
        size = max(bits, 0)
        machine.charge_steps(
            (size >> 5) + (size * fewer >> 12) + (size * size >> 18)
        )  # the host multiplies factor by factor
    return math.comb(n, k)


def _folded(name: str, merge: Callable[[Machine, int, int], int]) -> Builtin:
    """`gcd` or `lcm`, which take any number of integers."""
    host = getattr(math, name)

    def fold(machine: Machine, /, *args: Any) -> Any:
        total = host(*args[:1])
        for number in args[1:]:
            machine.charge_steps(8)
            total = merge(machine, total, number)
        machine.charge_integer(total)
        return total

    return Builtin(name, fold)


def _gcd(machine: Machine, a: int, b: Any) -> int:
    operators.charge_multiplication(machine, a, b)
    return math.gcd(a, b)


def _lcm(machine: Machine, a: int, b: Any) -> int:
    shared = _gcd(machine, a, b)
    if not shared:
        return math.lcm(a, b)
    rest = a // shared
    machine.check_bits(rest.bit_length() + int(b).bit_length() - 1)
    for _ in range(3):  # for the common divisor, the division and the multiplication
        operators.charge_multiplication(machine, a, b)
    return int(abs(rest * b))


def _isqrt(machine: Machine, n: Any, /) -> int:
    operators.charge_multiplication(machine, n, n)
    return math.isqrt(n)


def _prod(machine: Machine, iterable: Any, /, *, start: Any = 1) -> Any:
    total = start
    for item in machine.counted(machine.iterate(iterable)):
        machine.charge_steps(2)
        total = operators.mul(machine, total, machine.check(item))
    return total


def _fsum(machine: Machine, iterable: Any, /) -> float:
    return math.fsum(machine.drain(iterable))


def _hypot(machine: Machine, /, *coordinates: Any) -> float:
    machine.charge_steps(len(coordinates))
    return math.hypot(*coordinates)


def _dist(machine: Machine, p: Any, q: Any, /) -> float:
    return math.dist(tuple(machine.drain(p)), tuple(machine.drain(q)))


MEMBERS: dict[str, Any] = {
    **{name: _small(name) for name in _SMALL},
    **{name: getattr(math, name) for name in _CONSTANTS},
    "comb": Builtin("comb", _comb),
    "dist": Builtin("dist", _dist),
    "factorial": Builtin("factorial", _factorial),
    "fsum": Builtin("fsum", _fsum),
    "gcd": _folded("gcd", _gcd),
    "hypot": Builtin("hypot", _hypot),
    "isqrt": Builtin("isqrt", _isqrt),
    "lcm": _folded("lcm", _lcm),
    "perm": Builtin("perm", _perm),
    "prod": Builtin("prod", _prod),
}
