"""Operands whose operations are hard to charge correctly, and the ways in which the probes use them.

Some are small and some large. Some share their parts, so that they take little memory and exponential time to walk.
Some have colliding hashes, or differ only at the end.
"""

from __future__ import annotations

_SHARED = "t = (1,)\nfor i in range({}): t = (t, t)\n"
_CROWD = "[(i + 1) * (2 ** 61 - 1) for i in range({})]"
_LONG = "'a' * 60_000"

# For each type of `language.TYPES`, and for kinds without methods: the operands by name, each with the lines that
# assign it to `X`.
OPERANDS: dict[str, dict[str, str]] = {
    "none": {"None": "X = None"},
    "int": {
        "a small int": "X = 7",
        "a large int": "X = 3 ** 9000 + 1",
        "a negative large int": "X = -(5 ** 6100)",
        "a colliding int": "X = 9 * (2 ** 61 - 1)",
    },
    "float": {"a float": "X = 1.5", "a huge float": "X = 1e308", "nan": "X = math.nan"},
    "str": {
        "a small text": "X = 'a'",
        "a long text": f"X = {_LONG}",
        "a long text that ends otherwise": f"X = {_LONG} + 'b'",
        "a wide text": "X = '\U0001f600' * 20_000",
        "digits": "X = '1' * 4_000",
        "spaces": "X = 'a' + ' ' * 20_000 + 'b'",
        "many fields": "X = '{0}' * 5_000",
        "a field of many digits": "X = '{0[' + '9' * 60_000 + ']}'",
        "a wide specification": "X = '%' + '9' * 4_000 + 'd'",
        "a pattern": "X = '(a|b)*c'",
        "a pattern of many groups": "X = '()' * 99 + 'a'",
        "json": "X = '[' + '[1],' * 5_000 + '1]'",
        "a date": "X = '2020-01-01'",
    },
    "list": {
        "a long list": "X = [0] * 10_000\nX.append(0)",
        "a list of texts": f"s = {_LONG}\nX = [s] * 1_000",
        "a list of long texts, alike at first": "X = ['a' * 4_000 + str(i) for i in range(40)]",
        "a list of a shared tuple": _SHARED.format(18) + "X = [t] * 100",
        "a list of large ints": "X = [3 ** 9000] * 1_000",
        "a list of colliding ints": f"X = {_CROWD.format(300)}",
        "a list of times of a zone": (
            "z = datetime.timezone(datetime.timedelta(hours=1))\n"
            "X = [datetime.datetime(2020, 1, 1, tzinfo=z)] * 1_000 + [datetime.datetime(2020, 1, 2, tzinfo=z)]"
        ),
        "a list of pairs": "X = [(1, 2)] * 3_000",
        "a list of lists": "X = [[1, 2]] * 3_000",
    },
    "tuple": {
        "a shared tuple": _SHARED.format(18) + "X = t",
        "a shared tuple that cannot be walked": _SHARED.format(34) + "X = t",
        "a long tuple": "X = (1,) * 10_000",
        "a tuple of types": "X = (KeyError,) * 10_000 + (ZeroDivisionError,)",
        "a tuple of colliding ints": f"X = tuple({_CROWD.format(300)})",
    },
    "dict": {
        "a dict": "X = {i if i % 9 else str(i): i for i in range(900)}",
        "a colliding dict": f"X = dict.fromkeys({_CROWD.format(300)}, 1)",
        "a dict of a shared tuple": _SHARED.format(18) + "X = {'a': t, 'b': t}",
        "a dict with a shared key": _SHARED.format(16) + "X = {t: 1}",
        "a dict of many kinds of keys": "X = {**{str(i): i for i in range(500)}, **{i: i for i in range(500)}}",
        "a dict with a long name": f"X = {{{_LONG}: 1}}",
    },
    "set": {
        "a set": "X = set(range(1_000))",
        "a colliding set": f"X = set({_CROWD.format(300)})",
        "a set of a shared tuple": _SHARED.format(16) + "X = {t}",
        "a set of long texts": "X = {'a' * 4_000 + str(i) for i in range(40)}",
    },
    "frozenset": {
        "a frozenset": "X = frozenset(range(1_000))",
        "a colliding frozenset": f"X = frozenset({_CROWD.format(300)})",
        "a frozenset of a shared tuple": _SHARED.format(16) + "X = frozenset({t})",
    },
    "Counter": {
        "a Counter": "X = collections.Counter(range(1_000))",
        "a Counter of large ints": "X = collections.Counter({i: 3 ** 8990 for i in range(200)})",
        "a Counter of long texts": f"s = {_LONG}\nX = collections.Counter({{i: s + str(i % 7) for i in range(200)}})",
        "a colliding Counter": f"X = collections.Counter({_CROWD.format(300)})",
        "a Counter of a shared tuple": _SHARED.format(16) + "X = collections.Counter([t])",
    },
    "defaultdict": {
        "a defaultdict of lists": "X = collections.defaultdict(list, {i: [i] for i in range(500)})",
        "a defaultdict of a partial": _SHARED.format(34) + "X = collections.defaultdict(functools.partial(max, t))",
        "a defaultdict of a record": (
            "R = collections.namedtuple('R', ['f%d' % i for i in range(1_000)], defaults=[0] * 1_000)\n"
            "X = collections.defaultdict(R)"
        ),
        "a defaultdict of a wide partial": (
            "X = collections.defaultdict(functools.partial(collections.deque, [0] * 9_000, 1))"
        ),
        "a colliding defaultdict": f"X = collections.defaultdict(list, dict.fromkeys({_CROWD.format(300)}, 1))",
    },
    "OrderedDict": {
        "an OrderedDict": "X = collections.OrderedDict((i, i) for i in range(1_000))",
        "a colliding OrderedDict": f"X = collections.OrderedDict.fromkeys({_CROWD.format(300)}, 1)",
        "an OrderedDict with a shared key": _SHARED.format(16) + "X = collections.OrderedDict([(t, 1)])",
    },
    "deque": {
        "a deque": "X = collections.deque([0] * 10_000)",
        "a deque with a bound": "X = collections.deque([0] * 5_000, 5_000)",
        "a deque of a shared tuple": _SHARED.format(18) + "X = collections.deque([t])",
        "a deque of large ints": "X = collections.deque([3 ** 9000] * 1_000)",
    },
    "namedtuple": {
        "a wide record": "R = collections.namedtuple('R', ['f%d' % i for i in range(2_000)])\nX = R(*range(2_000))",
        "a record of a shared tuple": _SHARED.format(18) + "R = collections.namedtuple('R', 'f0 f1')\nX = R(t, t)",
    },
    "date": {"a day": "X = datetime.date(2020, 1, 2)"},
    "datetime": {
        "a time": "X = datetime.datetime(2020, 1, 2, 3, 4, 5)",
        "a time of a zone with a long name": (
            f"X = datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=1), {_LONG}))"
        ),
    },
    "time": {
        "a time of day of a zone with a long name": (
            f"X = datetime.time(1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=1), {_LONG}))"
        ),
    },
    "timedelta": {"a span of time": "X = datetime.timedelta(days=999_999_999)"},
    "timezone": {"a zone with a long name": f"X = datetime.timezone(datetime.timedelta(hours=1), {_LONG})"},
    "match": {
        "a match of many groups": "X = re.search('()' * 99 + 'a', 'b' * 20_000 + 'a')",
        "a match of named groups": "X = re.search(''.join('(?P<g%d>a)?' % i for i in range(99)), 'a' * 3_000)",
        "a match of a long text": "X = re.search('(a*)*b', 'a' * 20_000 + 'b')",
    },
    "pattern": {
        "a pattern that looks everywhere": "X = re.compile('[a-z]*[0-9]x')",
        "a pattern that tries twice": "X = re.compile('(a*)*b')",
        "a compiled pattern of many groups": "X = re.compile('()' * 99 + 'a')",
        "a compiled pattern of names": "X = re.compile(''.join('(?P<g%d>a)?' % i for i in range(99)))",
    },
    "exception": {
        "an exception with a long text": f"X = ValueError({_LONG})",
        "an exception with a shared tuple": _SHARED.format(18) + "X = KeyError(t)",
        "an OSError with a third argument": f"X = OSError(1, 'a', {_LONG})",
        "an exception of many arguments": "X = ValueError(*range(5_000))",
        "an error of a pattern": f"X = re.error('a', {_LONG}, 1)",
    },
    "function": {
        "a cached function": "@functools.lru_cache(maxsize=None)\ndef X(*a, **k): return a",
        "a function of many parameters": "X = lambda " + ", ".join(f"a{i}=0" for i in range(150)) + ", **k: k",
        "a function of any": "X = lambda *a, **k: a",
        "a partial": _SHARED.format(18) + "X = functools.partial(max, t)",
        "a wide partial": "X = functools.partial(max, *([0] * 10_000))",
        "a partial of a partial": "X = functools.partial(functools.partial(max, *([0] * 10_000)), 1)",
        "a partial with a long name": f"X = functools.partial(dict, **{{{_LONG}: 1}})",
        "a partial of many names": "X = functools.partial(dict, **{'a%d' % i: i for i in range(1_000)})",
        "a named tuple": ("X = collections.namedtuple('R', ['f%d' % i for i in range(2_000)], defaults=[0] * 2_000)"),
        "a bound method": "X = ([0] * 10_000).count",
        "a key": "X = functools.cmp_to_key(lambda a, b: 0)",
    },
    "range": {
        "a range": "X = range(10_000)",
        "a range with large ends": "X = range(3 ** 9000, 3 ** 9000 + 10_000)",
        "a range without an end": "X = range(10 ** 30)",
        "a range of colliding ints": "X = range(0, 300 * (2 ** 61 - 1), 2 ** 61 - 1)",
    },
    "view": {
        "keys": "d = {str(i): i for i in range(1_000)}\nX = d.keys()",
        "colliding keys": f"d = dict.fromkeys({_CROWD.format(300)}, 1)\nX = d.keys()",
        "colliding items": f"d = dict.fromkeys({_CROWD.format(300)}, 1)\nX = d.items()",
        "items of a shared tuple": _SHARED.format(18) + "d = {'a': t}\nX = d.items()",
        "values": "d = {str(i): i for i in range(1_000)}\nX = d.values()",
        "keys of an OrderedDict": f"d = collections.OrderedDict.fromkeys({_CROWD.format(300)}, 1)\nX = d.keys()",
    },
    "type": {
        "a type": "X = int",
        "a union of types": "X = int | str\nfor i in range(10): X = X | int | str | list | dict",
    },
    "slice": {},
}

# The arguments of calls: the operand, alone or beside a small value, a long text, a pattern or a function.
ARGUMENTS = (
    "X", "X, Y", "*X", "[X, Y]", "**X", "X, 1", "1, X", "X, 'a'", "L, X", "G, X", "X, F", "F, X", "F, [X, Y]",
    "X, X, X", "X, 'a', 0",
)  # fmt: skip
OTHERS = (
    "import typing\n"  # the other modules need no import
    "L = 'a' * 1_200\nG = '[a-z]*[0-9]x'\nF = lambda *a: 1\nK = []\nZ = {}\nn = 1\n"
    "collections.namedtuple('R', 'f0 f1 f999 f1999')\n"  # so that the vetter knows these names as fields
)

CALLS = ("", "()", "(A)", "(A, A)", "(1, A)", "(F, A)", "(*A)")
# The operands that are arguments of methods. Another argument is an operand that is equal to the value.
GIVEN = (
    "a small int", "a large int", "a long text", "a wide text", "a field of many digits", "a long list",
    "a list of texts",
    "a list of large ints", "a list of colliding ints", "a list of pairs", "a shared tuple",
    "a shared tuple that cannot be walked",
    "a colliding dict", "a dict with a shared key", "a colliding set", "a set of a shared tuple",
    "a colliding Counter",
    "a defaultdict of a partial", "an OrderedDict with a shared key", "a wide record", "a match of many groups",
    "a wide partial",
    "a function of any", "a range with large ends", "colliding items", "a type",
)  # fmt: skip

# Further expressions with an operand.
EXPRESSIONS = (
    "[X]", "(X, X)", "{X}", "{X: 1}", "[*X]", "(*X,)", "{*X}", "{**X}", "{X: X, Y: Y}",
    "f'{X}'", "f'{X!r}'", "f'{X!a}'", "f'{X:99}'", "f'{1:{X}}'", "'%s' % X", "'%s' % (X,)", "'%r' % (X,)",
    "'%(a)s' % X",
    "X % 1", "X % (1,)", "X % {'a': 1}", "X % X", "'{}'.format(X)", "'{0[0]}'.format(X)", "'{!r:99}'.format(X)",
    "'{:{}}'.format(1, X)",
    "X[0]", "X[-1]", "X[1:]", "X[::2]", "X[::-1]", "X[X]", "X[Y]", "X['a']", "X[X:X]", "X[n]", "L[X]", "Z[X]",
    "X()", "X(1)", "X(X)", "X(Y)", "X(L)", "X(1, X)", "X(*X)", "X(**X)", "X(**{'f0': 1})",
    "X(**{'b%d' % i: i for i in range(99)})",
    "F(*X)", "F(**X)", "[z for z in X]", "{z for z in X}", "{z: z for z in X}", "[z for z in X if z]", "not X",
    "X and X", "X if X else 1",
    "(lambda z=X: z)", "(W := X)", "X.f0", "X.f1999", "X.f999", "sorted(X, key=F)", "list(map(X, [1, 2, 3]))",
    "list(map(X, X))", "functools.reduce(X, [X, X])", "str([X] * 20)", "json.dumps(X, skipkeys=True, sort_keys=True)",
    "json.dumps(X, indent=' ' * 9)", "functools.partial(X, 1)", "functools.partial(X, *([0] * 9))",
    "functools.partial(F, X)",
    "functools.partial(X, a=1)", "collections.defaultdict(X)[1]", "isinstance(1, X)", "isinstance(X, (int, X))",
    "list(X)",
    "re.sub('a', lambda m: K.append(m) or 'b', X)", "re.sub(G, lambda m: 'b', X)", "list(re.finditer(G, X))",
    "re.split(X, L)",
    "[z for z in zip(X, X)]", "sum(X, [])", "max(X, key=F)", "datetime.datetime.strptime('1', f'%Y{n}')",
    "datetime.datetime.strptime(X, f'%Y{n}')", "re.compile(f'a{n}')", "re.compile(f'({n}|b)*c')",
    "pow(X, -1, 5 ** 6101)",
)  # fmt: skip
STATEMENTS = (
    "a, *b = X; K.append(b)", "*a, b = X; K.append(a)", "a, b = X", "for z in X: pass", "for a, b in X: pass",
    "for z in X: K.append(z)",
    "Z[X] = 1", "Z[X:X] = 1", "Z[1:X] = 1", "Z[X] = X; del Z[X]", "X[0] = X[0]", "X[n] = n", "X[1:2] = X",
    "X[0:0] = [1]", "X[X] = 1",
    "X[::2] = X[::2]", "del X[0]", "del X[0:1]", "del X[X]", "del Z[X:X]", "X[X] += 1", "Z.update(X)", "if X: pass",
    "raise X", "raise ValueError(X)", "raise ValueError(1) from X", "assert False, X", "assert X, 1", "print(X)",
    "try: 1 / 0\nexcept X: pass", "try: raise KeyError(X)\nexcept ValueError: pass",
    "try: {}[X]\nexcept KeyError as e: K.append(str(e))",
    "try: raise X\nexcept Exception as e: K.append(str(e))", "def g(z=X): return z",
    "def g(*z): return z\nK.append(g(*X))",
    "K.append(next(iter(X)))", "W = X; W += X", "W = [1]; W += X", "W = {1}; W |= X", "W = {}; W |= X",
    "W = Y; W |= X", "W = Y; W &= X", "W = Y; W -= X",
    "W = X; W *= 2", "import re", "pass",
)  # fmt: skip
