"""The part of a run's message that a model may read: our wording and the words of the plan, never those of a stranger.

A message may quote an answer or a passage, and a passage must not reach the model that writes plans. Therefore the
texts of messages form a closed list. In a message of this list, each quotation is replaced by its form
(`'Aaaaaa 0000'`), unless it is a number, the name of a type or a part of the plan. Of any other message, the model only
sees the kind of the error.
"""

from __future__ import annotations

import builtins
import re
from functools import lru_cache

from .codes import CODES
from .diagnostics import Diagnostic
from .language import DEFAULT_SIGNATURES

MAX_FORM = 60
"""The largest number of characters of a form."""
MAX_MESSAGE = 500
"""The characters of a message that are read: a message from a trace or a worker may be longer."""

_TYPES = """
    str int float bool list dict set tuple frozenset bytes range NoneType None function builtin_function_or_method
    type slice object iterator generator iterable map filter zip enumerate reversed module datetime date time timedelta
    timezone tzinfo datetime.datetime datetime.date datetime.time datetime.timedelta re.Match re.Pattern Match Pattern
    defaultdict collections.defaultdict OrderedDict collections.OrderedDict Counter collections.Counter deque
    collections.deque partial functools.partial method lambda <lambda> + - * / // % ** << >> & | ^ ~ < > <= >= == != in
    += -= *= /= //= %= **= &= |= ^= ** or pow() complex ellipsis
"""
_WORDS = (
    frozenset({"list[str]", "any"})
    | frozenset(_TYPES.split())
    | {"** or pow()", "a list of texts", "text", "a whole number"}
)
_ERRORS = frozenset(
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, Exception)
) | {"re.error", "error", "JSONDecodeError", "json.JSONDecodeError", "StatisticsError", "statistics.StatisticsError"}
_NAMES = {*DEFAULT_SIGNATURES, *(param.name for tool in DEFAULT_SIGNATURES.values() for param in tool.params)}
_NUMBER = re.compile(r"-?\d[\d,.]{0,20}(?:e[+-]?\d{1,3})?")

# Messages of exceptions, of our own and of CPython 3.10 to 3.14; `{}` stands for a quotation.
_OF_EXCEPTIONS = r"""
'{}' object has no attribute '{}'
'{}' object has no attribute '{}'. Did you mean: '{}'?
type object '{}' has no attribute '{}'
module '{}' has no attribute '{}'
name '{}' is not defined
name '{}' is not defined. Did you mean: '{}'?
cannot access free variable '{}' where it is not associated with a value in enclosing scope
cannot access local variable '{}' where it is not associated with a value
free variable '{}' referenced before assignment in enclosing scope
local variable '{}' referenced before assignment
'{}' not supported between instances of '{}' and '{}'
unsupported operand type(s) for {}: '{}' and '{}'
unsupported operand type(s): '{}' and '{}'
bad operand type for unary {}: '{}'
bad operand type for abs(): '{}'
can only concatenate {} (not "{}") to {}
can only concatenate tuple (not "{}") to tuple
can only concatenate list (not "{}") to list
can only concatenate str (not "{}") to str
can't multiply sequence by non-int of type '{}'
'{}' object cannot be interpreted as an integer
'{}' object does not support item assignment
'{}' object doesn't support item deletion
'{}' object does not support item deletion
'{}' object is not an iterator
'{}' object is not callable
'{}' object is not iterable
'{}' object is not reversible
'{}' object is not subscriptable
cannot unpack non-iterable {} object
not enough values to unpack (expected {}, got {})
not enough values to unpack (expected at least {}, got {})
too many values to unpack (expected {})
too many values to unpack (expected {}, got {})
argument of type '{}' is not iterable
argument of type '{}' is not a container or iterable
object of type '{}' has no len()
unhashable type: '{}'
cannot use '{}' as a dict key (unhashable type: '{}')
cannot use '{}' as a set element (unhashable type: '{}')
'in <string>' requires string as left operand, not {}
expected string or bytes-like object, got '{}'
expected string or bytes-like object
sequence item {}: expected str instance, {} found
string indices must be integers, not '{}'
string indices must be integers
list indices must be integers or slices, not {}
tuple indices must be integers or slices, not {}
range indices must be integers or slices, not {}
string index out of range
list index out of range
tuple index out of range
list assignment index out of range
range object index out of range
deque index out of range
pop from empty list
pop from an empty deque
pop from an empty set
pop index out of range
popitem(): dictionary is empty
pop(): dictionary is empty
list.remove(x): x not in list
list.index(x): x not in list
tuple.index(x): x not in tuple
{} is not in list
substring not found
no such group
max() arg is an empty sequence
min() arg is an empty sequence
max() iterable argument is empty
min() iterable argument is empty
reduce() of empty iterable with no initial value
reduce() of empty sequence with no initial value
mean requires at least one data point
no median for empty data
no mode for empty data
division by zero
float division by zero
float floor division by zero
float modulo
integer division or modulo by zero
integer modulo by zero
0.0 cannot be raised to a negative power
math domain error
math range error
cannot convert float NaN to integer
cannot convert float infinity to integer
int() argument must be a string, a bytes-like object or a real number, not '{}'
int() can't convert non-string with explicit base
float() argument must be a string or a real number, not '{}'
could not convert string to float: {}
invalid literal for int() with base {}: {}
must be real number, not {}
type {} doesn't define __round__ method
time data {} does not match format {}
unconverted data remains: {}
Invalid isoformat string: {}
fromisoformat: argument must be str
strptime() argument 1 must be str, not {}
strptime() argument {} must be str, not {}
year {} is out of range
month must be in 1..12
month must be in 1..12, not {}
day is out of range for month
day {} must be in range 1..{} for month {} in year {}
hour must be in 0..23
minute must be in 0..59
second must be in 0..59
can't subtract offset-naive and offset-aware datetimes
can't compare offset-naive and offset-aware datetimes
date value out of range
substring must not be empty
empty separator
chr() arg not in range(0x110000)
ord() expected a character, but string of length {} found
Invalid format specifier
Invalid format specifier '{}' for object of type '{}'
Unknown format code '{}' for object of type '{}'
unsupported format string passed to {}.__format__
not enough arguments for format string
not all arguments converted during string formatting
%{} format: a real number is required, not {}
%{} format: an integer is required, not {}
%c requires int or char
%c arg not in range(0x110000)
format requires a mapping
unsupported format character {} ({}) at index {}
Single '{' encountered in format string
Single '}' encountered in format string
expected '}' before end of string
unmatched '{' in format spec
Format specifier missing precision
Replacement index {} out of range for positional args tuple
incomplete format
dictionary changed size during iteration
Set changed size during iteration
deque mutated during iteration
OrderedDict mutated during iteration
step must not be zero
range() arg 3 must not be zero
slice step cannot be zero
slice indices must be integers or None or have an __index__ method
{} argument {} must be {}, not {}
{} arg {} must be a type, a tuple of types, or a union
{} first arg must be str or a tuple of str, not {}
descriptor '{}' for '{}' objects doesn't apply to a '{}' object
got multiple values for keyword argument '{}'
argument after ** must be a mapping, not {}
keywords must be strings
must be str, not {}
must be str or None, not {}
sum() can't sum strings [use ''.join(seq) instead]
cannot convert dictionary update sequence element #{} to a sequence
dictionary update sequence element #{} has length {}; {} is required
catching classes that do not inherit from BaseException is not allowed
exceptions must derive from BaseException
No active exception to reraise
generator raised StopIteration
Python int too large to convert to C int
int too large to convert to float
cannot convert Infinity to integer ratio
factorial() not defined for negative values
negative shift count
stdev requires at least two data points
variance requires at least two data points
zip() argument {} is shorter than argument {}
{} missing {} required positional argument: {}
{} missing {} required argument: {}
{} missing required argument {} (pos {})
{} is missing the argument {}
{} takes {} positional arguments but {} were given
{} takes {} positional argument but {} were given
{} takes no arguments ({} given)
{} takes exactly one argument ({} given)
{} expected at least {} argument, got {}
{} expected at most {} arguments, got {}
{} expected {} arguments, got {}
{} got an unexpected keyword argument '{}'
{} got multiple values for argument '{}'
{} got some positional-only arguments passed as keyword arguments: '{}'
{} argument must be {}, not {}
nothing to repeat at position {}
missing ), unterminated subpattern at position {}
unterminated character set at position {}
unbalanced parenthesis at position {}
multiple repeat at position {}
bad escape {} at position {}
invalid group reference {} at position {}
unknown group name {} at position {}
look-behind requires fixed-width pattern
Expecting value (line {}, column {})
Extra data (line {}, column {})
Expecting property name enclosed in double quotes (line {}, column {})
Expecting ',' delimiter (line {}, column {})
Expecting ':' delimiter (line {}, column {})
Unterminated string starting at (line {}, column {})
Invalid control character at (line {}, column {})
the JSON object must be str, bytes or bytearray, not {}
Object of type {} is not JSON serializable
keys must be str, int, float, bool or None, not {}
"""

# Messages of limits and of the border. `{name}` is the name of a tool or a parameter. It is shown if it is in the plan
# or belongs to a standard tool. Any other name may be a stranger's word in a forged message of a worker or trace.
_OF_RUNS = r"""
function calls or expressions are nested too deeply
more than {} function calls are nested
the time of the run is over
the run took longer than {} s
the plan took more than {} steps
the plan would use more than {} MiB of memory
the plan used more memory than its process may have
the plan used more processor time than its process may have
what the plan asks and answers is too large to leave its process
a string of {} characters; the limit is {}
a date format of {} characters; the limit is {}
a format specification that is too long
a container of {} items; the limit is {}
an integer of more than {} bits
a value of more than {} items and characters
a value nested more than {} deep
JSON nested more than {} deep
the plan made more than {} tool calls
the plan printed more than {} characters
a regular expression that is too large: {} characters; the limit is {}
a regular expression that is too large: brackets nested more than {} deep
a regular expression that is too large: groups inside groups
a regular expression that is too large: its counted repetitions multiply
a regular expression that is too large: its character classes are wide
a regular expression took more than {} s on {} characters
the regular expressions of the plan took more than {} s together
the tools have used {} tokens; the budget is {}
the plan has ended, and its answer is None
the plan ended and its answer is None
the plan ended and its answer is an empty text
the answer of the plan cannot leave it: it holds {}
the answer of the plan cannot leave it: it has more than {} items and characters
the answer of the plan cannot leave it: it is nested more than {} deep, or contains itself
the answer of the plan cannot leave it: its text is not valid Unicode (a lone surrogate)
`{name}` takes {} arguments, {} are given
`{name}` gets `{name}` twice
`{name}` needs `{name}`: its signature is {}
`{name}` has no parameter `{}`
`{name}` of `{name}` has {} characters
`{name}` of `{name}` cannot leave the plan: it holds {}
`{name}` of `{name}` cannot leave the plan: it has more than {} items and characters
`{name}` of `{name}` cannot leave the plan: it is nested more than {} deep, or contains itself
`{name}` of `{name}` cannot leave the plan: its text is not valid Unicode (a lone surrogate)
`{name}` of `{name}` must be {}, not {}
`{name}` of `{name}` must be 1 to {}, not {}
`{}()` of what a tool answered: it fails where that is more than a number
`strptime()` of what a tool answered: it fails where that has another form
`.{}()` of what a search found: it is None where the pattern does not match
`.{}()` of a search: it is None where the pattern does not match
text has no method `{}`
a list has no method `{}`
a number has no method `{}`
a dictionary has no method `{}`
a set has no method `{}`
"""

# Messages that only the host makes, and never a pass. No stranger can have written `{host}`, so it is shown as it is.
_OF_HOSTS = r"""
the tool `{name}` did not answer within {} s
the tool `{name}` raised {name}
the tool `{name}` must return {host}, not {host}
the tool `{name}` returned something that cannot enter the plan: {host}
the tool `{name}` reported a usage that is not names with numbers, texts or lists
`{name}` was refused: {host}
the call {name} is not in the trace
the model that was to {host} failed
"""
HOST_CODES = frozenset({"PLAN500", "PLAN502", "PLAN503", "PLAN504", "PLAN505"})
"""Codes of such messages."""


def told(diagnostic: Diagnostic, source: str) -> str:
    """The message of a diagnostic as a model may read it.

    Args:
        diagnostic: a diagnostic of a run, or of a text, whose message quotes only that text.
        source: the text of the plan, whose words the model may read.
    """
    if diagnostic.phase in ("syntax", "vet"):
        return diagnostic.message
    message = diagnostic.message[:MAX_MESSAGE]
    found = _filled(_OF_HOSTS if diagnostic.code in HOST_CODES else _OF_RUNS, message, source)
    if found is not None:
        return found
    name, _, text = message.partition(": ")
    if name not in _ERRORS:
        return CODES[diagnostic.code].meaning
    if not text:
        return name
    if name == "KeyError":
        return f"{name}: {_argument(text, source)}"
    found = _filled(_OF_EXCEPTIONS, text, source)
    if found is None and text in source:
        found = text
    return name if found is None else f"{name}: {found}"


def form(text: str) -> str:
    """The form of a text: each letter becomes `a` or `A` and each digit `0`, and a long form is cut."""
    cut = text[:MAX_FORM]
    shape = "".join("0" if c.isdigit() else "A" if c.isupper() else "a" if c.isalpha() else c for c in cut)
    return shape + ("..." if len(text) > MAX_FORM else "")


_HOLES = {"{}": "(.*?)", "{name}": r"([\w.#@:]{1,100})", "{host}": "(.*?)"}
_HOLE = re.compile(r"(\{(?:name|host)?\})")


@lru_cache(maxsize=3)
def _patterns(templates: str) -> tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]:
    """For each template: its pieces, including the holes, and the pattern of its messages."""
    pieces = [tuple(_HOLE.split(line)) for line in templates.splitlines() if line]
    return tuple(
        (parts, re.compile("".join(_HOLES.get(part) or re.escape(part) for part in parts), re.DOTALL))
        for parts in pieces
    )


def _filled(templates: str, text: str, source: str) -> str | None:
    """A message that matches one of these templates, with its holes replaced; None if none matches."""
    for parts, pattern in _patterns(templates):
        if match := pattern.fullmatch(text):
            quoted = iter(match.groups())
            hosts = templates is _OF_HOSTS
            shown = [_told_part(part, next(quoted), source, hosts) if part in _HOLES else part for part in parts]
            return "".join(shown)
    return None


def _told_part(hole: str, text: str, source: str, hosts: bool) -> str:
    """The text for a hole; `hosts` tells whether only the host can have written the message."""
    if hole == "{}":
        return _argument(text, source)
    known = hosts or text in _NAMES or re.search(rf"\b{re.escape(text)}\b", source)
    return text if known else form(text)


def _argument(text: str, source: str) -> str:
    """A quotation as it is, if it is in the plan or harmless, else its form."""
    bare = text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
    if bare in _WORDS or bare in source or _NUMBER.fullmatch(bare):
        return text
    plain = bare.removesuffix("()").removeprefix("a ").removeprefix("an ")
    if plain in _WORDS or plain in source:
        return text
    return form(text)
