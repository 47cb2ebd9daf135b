"""The vocabulary of plans: all builtins, module members, attributes and operators of the language.

The vetter refuses a name that is not here. The interpreter gives each name its meaning, and a test checks that the two
agree.
"""

from __future__ import annotations

import ast
from typing import Any, NamedTuple


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTIONS = _words(
    "abs all any ascii bin bool callable chr dict divmod enumerate filter float format frozenset hex int "
    "isinstance iter len list map max min next oct ord pow print range repr reversed round set sorted str "
    "sum tuple zip"
)

EXCEPTIONS = _words(
    "ArithmeticError AssertionError AttributeError EOFError Exception ImportError IndexError KeyError "
    "LookupError ModuleNotFoundError UnboundLocalError "
    "NameError NotImplementedError OSError OverflowError RuntimeError StopIteration "
    "TimeoutError TypeError UnicodeError ValueError ZeroDivisionError"
)

BUILTINS = FUNCTIONS | EXCEPTIONS | {"__name__"}

# Attributes and methods by type. Subtypes have those of their base type too: a `Counter` has those of `dict`.
TYPES = {
    "str": _words(
        "capitalize casefold center count endswith expandtabs find format format_map index isalnum "
        "isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle "
        "isupper join ljust lower lstrip maketrans partition removeprefix removesuffix replace rfind "
        "rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title translate "
        "upper zfill"
    ),
    "int": _words("bit_length denominator imag is_integer numerator real"),
    "float": _words("as_integer_ratio imag is_integer real"),
    "list": _words("append clear copy count extend index insert pop remove reverse sort"),
    "tuple": _words("count index"),
    "dict": _words("clear copy fromkeys get items keys pop popitem setdefault update values"),
    "set": _words(
        "add clear copy difference difference_update discard intersection intersection_update isdisjoint "
        "issubset issuperset pop remove symmetric_difference symmetric_difference_update union update"
    ),
    "frozenset": _words("copy difference intersection isdisjoint issubset issuperset symmetric_difference union"),
    "Counter": _words("elements most_common subtract total"),
    "defaultdict": _words(""),
    "OrderedDict": _words("move_to_end"),
    "deque": _words(
        "append appendleft clear copy count extend extendleft index insert maxlen pop popleft remove reverse rotate"
    ),
    "namedtuple": _words("_asdict _fields _replace"),
    "date": _words(
        "ctime day fromisoformat fromordinal isocalendar isoformat isoweekday max min month replace "
        "resolution strftime today toordinal weekday year"
    ),
    "datetime": _words(
        "combine ctime date day fromisoformat fromordinal fromtimestamp hour isocalendar isoformat "
        "isoweekday max microsecond min minute month now replace resolution second strftime strptime time "
        "timestamp today toordinal tzinfo utcnow weekday year"
    ),
    "time": _words("fromisoformat hour isoformat max microsecond min minute replace resolution second strftime tzinfo"),
    "timedelta": _words("days max microseconds min resolution seconds total_seconds"),
    "timezone": _words("utc"),
    "match": _words("end endpos expand group groupdict groups lastgroup lastindex pos re span start string"),
    "pattern": _words("findall finditer flags fullmatch groupindex groups match pattern search split sub subn"),
    "exception": _words("args"),
    "function": _words("cache_clear"),
    # Attributes of static constructors and of `isocalendar()`, which belong to none of the types above.
    "other": _words("from_iterable week"),
}

MODULES = {
    "re": _words(
        "A ASCII DOTALL I IGNORECASE M MULTILINE Match NOFLAG Pattern S U UNICODE VERBOSE X compile error "
        "escape findall finditer fullmatch match search split sub subn"
    ),
    "datetime": _words("MAXYEAR MINYEAR UTC date datetime time timedelta timezone"),
    "math": _words(
        "acos asin atan atan2 ceil comb copysign cos degrees dist e exp fabs factorial floor fmod fsum "
        "gcd hypot inf isclose isfinite isinf isnan isqrt lcm log log10 log2 nan perm pi pow prod radians "
        "sin sqrt tan tau trunc"
    ),
    "json": _words("JSONDecodeError dumps loads"),
    "collections": _words("Counter OrderedDict defaultdict deque namedtuple"),
    "itertools": _words(
        "accumulate chain combinations combinations_with_replacement compress count cycle dropwhile "
        "filterfalse groupby islice pairwise permutations product repeat starmap takewhile zip_longest"
    ),
    "functools": _words("cache cmp_to_key lru_cache partial reduce"),
    "string": _words(
        "ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits octdigits printable "
        "punctuation whitespace"
    ),
    "statistics": _words(
        "StatisticsError fmean mean median median_high median_low mode multimode pstdev pvariance stdev variance"
    ),
    "typing": _words("Any Callable Dict FrozenSet Iterable Iterator List Mapping Optional Sequence Set Tuple Union"),
    "__future__": _words("annotations"),
}

# Modules that plans can use without an import, because models forget it. A name that a plan binds keeps its meaning.
IMPLICIT = frozenset(
    {"re", "datetime", "math", "json", "collections", "itertools", "functools", "string", "statistics"}
)
IMPLICIT_MEMBERS = {
    "Counter": "collections",
    "defaultdict": "collections",
    "OrderedDict": "collections",
    "deque": "collections",
    "timedelta": "datetime",
}

ATTRIBUTES = frozenset().union(*TYPES.values())

RESULT_NAMES = ("final_answer", "final", "result")

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.BitAnd: "&",
}
UNARY: dict[type[ast.unaryop], str] = {ast.UAdd: "+", ast.USub: "-", ast.Not: "not", ast.Invert: "~"}
COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


class ToolParam(NamedTuple):
    """A parameter of a tool.

    Attributes:
        type: one of the names in `TOOL_TYPES`.
        default: the default as plain data; `REQUIRED` if there is none.
        shown: the type as planners see it, if it says more than `type`.
    """

    name: str
    type: str
    default: Any
    shown: str = ""


# Names that neither a tool nor an input can have.
TAKEN = BUILTINS | frozenset(MODULES) | frozenset(RESULT_NAMES)


class _Required:
    def __repr__(self) -> str:
        return "<required>"


REQUIRED: Any = _Required()
TOOL_TYPES = ("str", "int", "float", "bool", "docs", "list[str]", "list", "dict", "any")


class Signature(NamedTuple):
    """The parameters and the result of a tool.

    Attributes:
        returns: one of `TOOL_TYPES`.
        shown: the type of the result as planners see it, if it says more than `returns`.
    """

    name: str
    params: tuple[ToolParam, ...]
    returns: str
    shown: str = ""

    def __str__(self) -> str:
        shown = [p.name if p.default is REQUIRED else f"{p.name}={p.default!r}" for p in self.params]
        return f"{self.name}({', '.join(shown)})"


RETRIEVE = Signature("retrieve", (ToolParam("query", "str", REQUIRED), ToolParam("topk", "topk", 5)), "list[str]")
ANSWER = Signature("answer", (ToolParam("query", "str", REQUIRED), ToolParam("docs", "docs", None)), "str")
DEFAULT_SIGNATURES = {"retrieve": RETRIEVE, "answer": ANSWER}
