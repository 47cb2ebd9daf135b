"""Writes plans with much mutable state, which change objects in expressions, through aliases, and by iterators.

A concurrent run can go wrong in such plans: it continues after a call that has not come back, and must know which
objects the code that it skips would have changed. Therefore every plan here changes objects beside its calls, and later
makes calls whose arguments depend on these objects. Most plans make no sense, and many fail. None runs long.

    text = stateful_plan(random.Random(7))  # or the strategy `stateful_plans()`
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from hypothesis import strategies as st

from ..grammar.diagnostics import PlanRejected
from ..grammar.vet import parse

# In a phrase, `$text` is a hole for a smaller phrase of the kind "text", `$in.text` is a hole whose phrase may use the
# loop variable `x`, and `%l` is a variable from the list "l" of `_VARIABLES`.
_HOLE = re.compile(r"\$(in\.)?([a-z]+)|%([a-z])\b")
_VARIABLES = {
    "s": "a b c", "l": "xs ys zs", "d": "d e", "t": "seen done", "i": "it jt", "n": "n m", "f": "f g h", "q": "dq",
    "v": "dd", "p": "pull push", "o": "maybe",
}  # fmt: skip
_SMALLEST = {
    "text": """%s|"A"|"k"|f"{n}"|f"{len(xs)}"|"B" """,
    "test": """xs|n|True|a == "A"|len(ys) > 2""",
    "list": """%l|%l|["A", "B"]|[]""",
    "iterator": """%i|iter(%l)|reversed(%l)""",
    "iterable": """%l|%l|%i""",
    "function": """f|g|str|len|ask|%f""",
}
_PHRASES = {
    "text": """
        answer($text)|answer($text)|answer($text)|answer($text)|answer($text + "-" + $text)|answer($text, $list)
        f($text)
        g($text)|h($text, $text)|($text if $test else $text)|(%s := $text)|($text + $text)|"".join($list)
        next($iterator, $text)|next($iterator)|%d.pop($text, $text)|%d.get($text, $text)|%d.setdefault($text, $text)
        %l.pop()|%l.pop(0)|%l[0]|%l[-1]|%l[len($text) % 2]|str(%l)|str(%d)|repr(sorted(map(str, %t)))|str(%v[$text])
        "{0[A]}".format(%v)|"%(B)s" % %v|str(pull())|str(max($list, key=$function, default=$text))|($text or $text)
        ($text and $text)|($test and $text or $text)|str(sum(1 for x in $iterable if $in.test))
        str([$in.text for x in $iterable])|functools.reduce(lambda u, x: u + $in.text, $list, $text)|str(P($text))
        P($text).left|(lambda: $text)()|%f($text)|str(%q.popleft())|str({$text: $text for x in $iterable})
        "{:>3}{!r}".format($text, $text)|str(min([$text, $text], key=$function))
        str([y for x in $iterable if $in.test for y in $list])
        str(Counter($list).most_common(1))|str(list(%d.items()))|str(list(zip($iterable, $iterable)))|str(%o)
        str(sorted($list, key=functools.cmp_to_key(lambda u, v: len(answer(u)) - len(v))))
        str(P(%l)._replace(left=$text))
    """,
    "test": """
        answer($text) == "yes"|answer($text) == "yes"|answer($text) == "yes"|"e" in answer($text)|"e" in answer($text)
        $text in $iterable|$text in %d|any($in.test for x in $iterable)|all($in.test for x in $iterable)|not $test
        ($test or %l.append($text))|($test and %t.add($text))|%l.append($text)|(%n := %n + 1) > 2|%l == $list
        a < $text < c|push($text)|%l.remove($text)|$text in $iterator|isinstance($text, str)|(%o or $test)|%l is %l
        $text not in %t|bool($list)|len($list) > 1|%d == %d
    """,
    "list": """
        %l|[$text, $text]|list($iterable)|[$in.text for x in $iterable if $in.test]|list(map($function, $iterable))
        list(filter(lambda x: $in.test, $iterable))|sorted($iterable, key=$function)|%l + [$text]|%l[:1]|%l[:-1]
        [*$iterable, $text]|list(%q)|(%l if $test else %l)|list(%d)|list(%d.keys())|sorted(map(str, {$text, *%t}))
        %v[$text]|[*%l, *$list]|%l * 2|list(reversed(%l))|[u for x in $iterable for u in [$in.text, x] if $in.test]
        ($list or %l)|%v.setdefault($text, %l)|list(dict.fromkeys($list))|(lambda q=%l: q)()
    """,
    "iterator": """
        %i|%i|%i|iter($list)|($in.text for x in $iterable)|(x for x in $iterable if $in.test)|map($function, $iterable)
        filter(lambda x: $in.test, $iterable)|itertools.chain($iterable, $iterable)|itertools.islice($iterable, 2)
        itertools.takewhile(lambda x: $in.test, $iterable)|reversed(%l)|iter(%d.keys())|(k for k, _ in enumerate(%l))
        (%i if $test else %i)|(k for k, _ in itertools.groupby($iterable, key=$function))|iter(lambda: $text, "A")
        itertools.dropwhile(lambda x: $in.test, $iterable)|itertools.accumulate($list, lambda u, x: u + $in.text)
        itertools.filterfalse(lambda x: $in.test, $iterable)|itertools.starmap(h, zip($iterable, $iterable))
    """,
    "iterable": "%l|%l|%l|$list|$iterator|list(%d)|%t|%d",
    "function": """
        f|g|str|len|lambda x: $in.text|functools.partial(h, $text)|ask|lambda x: %l.append(x)|lambda x: answer(f"k{x}")
        %f|lambda x: (%l.pop(), x)[1]|lambda x, u=%l: str(u)|%l.index|%d.get
    """,
}
_ASSIGNMENTS = """
    %s = $text|%s = $text|%s = $text|%l = $list|%i = $iterator|%l = %l|%d = %d|%s, %s = $text, $text|%s, *%l = $list
    %d = {**%d, $text: %d.pop($text, 0)}|%p = %l.pop|%p = %l.append|%f = $function|%s = $text if $test else $text
    %o = $test|%d = {$text: $list, $text: $text}|%s = %s = $text|%l = %o = $list|%t = %t|%n, %s = len($text), $text
    %s, %s = $list|%v = defaultdict(lambda: answer("dd"))|%q = deque($list, 3)|%o = %i|(%s, %n), %s = (%s, 1), $text
"""
_CHANGES = """
    %l.append($text)|%l += $list|%d[$text] = $text|%d[$text] = %l|%v[$text].append($text)|%v[$text]|%t |= {$text}
    %t.add($text)|%n += len($text)|%s += $text|del %l[0]|del %l[1:]|%l[:1] = $list|%d.update(%d)|%q.append($text)
    %l.sort(key=$function)|%l.extend($iterable)|list($iterator)|$test|$test
    [%l.append($in.text) for x in $iterable if $in.test]
    %f($text)|%s = answer(str(xs))|%s = answer(str(d))|%s = answer(str(n))|%s = answer(str(list(seen)))
    %s = answer(str(dd))
    print($text)|assert $test or True|%d[$text] = %d.pop($text, 0)|%l[0], %s = $text, $text|%d |= {$text: 1}|next(%i, 0)
    %l.insert(0, $text)|%t.discard($text)|for_each = [next(%i, $text) for x in %l[:2]]|%l.reverse()|del %d[$text]
    %q += $list
    %d.setdefault($text, []).append($text)|%l *= 2|%s = answer(str(list(it)))|_ = $text|$test and %l.clear()
"""
_ENDS = "xs|ys|d|n|a|list(it)|list(jt)|dd|sorted(map(str, seen))|e|b|maybe|zs|dq|f('z')|g('z')"
_BEGIN = """\
from collections import Counter, defaultdict, deque, namedtuple
import itertools, functools
a, b, c = "A", "B", answer("c0")
xs = ["A", "B", "C"]
ys = zs = [a, "D"]
d = {"A": "1", "B": "2"}
e = d
seen = {"A"}
done = set()
it = iter(xs)
jt = (x + "j" for x in ys)
n = m = 0
dq = deque(["A", "Q"])
dd = defaultdict(list)
pull = xs.pop
push = ys.append
maybe = None
P = namedtuple("P", "left right", defaults=[[]])
def ask(x):
    return answer(f"i{x}")
def f(x, acc=[]):
    acc.append(x)
    return f"{x}{len(acc)}"
def g(x):
    global n
    n += 1
    return answer(f"g{x}")
h = lambda x, y="": f"{x}{y}"
"""


def _choices(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r"\||\n", text.replace("|=", "\0")) if part.strip())


def _table(phrases: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return {kind: tuple(part.replace("\0", "|=") for part in _choices(text)) for kind, text in phrases.items()}


_LEAVES = _table(_SMALLEST)
_FORMS = _table({**_PHRASES, "assignment": _ASSIGNMENTS, "change": _CHANGES, "end": _ENDS})


class StatefulWriter:
    """Writes one plan.

    Args:
        pick: a function that chooses a number from 0 to k - 1, where k is its argument.
    """

    def __init__(self, pick: Callable[[int], int]) -> None:
        self.pick = pick
        self.lines: list[str] = []
        self.indent = 0
        self.serial = 0
        self.loops = 0

    def one(self, *choices: str) -> str:
        return choices[self.pick(len(choices))]

    def phrase(self, kind: str, depth: int, inside: bool = False) -> str:
        """A phrase of this kind. `inside` says that a loop around it binds `x`."""
        table = _LEAVES if depth <= 0 and kind in _LEAVES else _FORMS

        def fill(match: re.Match[str]) -> str:
            if match[3]:
                return self.one(*_VARIABLES[match[3]].split())
            return self.phrase(match[2], depth - 1 - self.pick(2), inside or bool(match[1]))

        text = _HOLE.sub(fill, self.one(*table[kind]))
        return text.replace('"k"', "x").replace('"B"', "x") if inside and self.pick(3) else text

    # ----------------------------------------------------------------- statements

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def block(self, most: int) -> None:
        self.indent += 1
        for _ in range(1 + self.pick(most)):
            self.statement()
        self.indent -= 1

    def statement(self) -> None:
        ways = [*[self.assignment] * 5, *[self.change] * 6]
        if self.indent < 3:
            ways += [self.branch, self.branch, self.loop, self.attempt]
        if self.indent < 2:
            ways.append(self.definition)
        if self.loops:
            ways.append(self.jump)
        ways[self.pick(len(ways))]()

    def assignment(self) -> None:
        self.line(self.phrase("assignment", 3))

    def change(self) -> None:
        self.line(self.phrase("change", 3))

    def branch(self) -> None:
        self.line(f"if {self.phrase('test', 2)}:")
        self.block(2)
        if self.pick(2):
            self.line("else:")
            self.block(2)

    def loop(self) -> None:
        if self.pick(3):
            target, source = self.one("x", "a", "b", "k, x"), self.phrase("iterable", 2)
            source = f"enumerate({source})" if "," in target else source
            self.line(
                self.one(f"for {target} in itertools.islice({source}, 3):", f"for {target} in list({source})[:3]:")
            )
        else:
            self.serial += 1
            self.line(f"w{self.serial} = 0")
            self.line(f"while (w{self.serial} := w{self.serial} + 1) < 4 and {self.phrase('test', 2)}:")
        self.loops += 1
        self.block(3)
        self.loops -= 1
        if not self.pick(4):
            self.line("else:")
            self.block(1)

    def jump(self) -> None:
        self.line(f"if {self.phrase('test', 2)}: {self.one('break', 'continue')}")

    def attempt(self) -> None:
        self.line("try:")
        self.block(2)
        kinds = ("Exception", "Exception", "(IndexError, KeyError)", "StopIteration", "TypeError")
        self.line(f"except {self.one(*kinds)}:")
        self.block(2)
        if not self.pick(3):
            self.line(self.one("else:", "finally:"))
            loops, self.loops = self.loops, 0  # a `finally` block must not contain jumps
            self.block(1)
            self.loops = loops

    def definition(self) -> None:
        kind = self.pick(5)
        loops, self.loops = self.loops, 0
        if kind == 0:
            self.line("@functools.lru_cache(maxsize=None)")
        self.line(f"def {self.one('f', 'g', 'h')}(x, y='', mem={self.one('[]', 'xs', 'ys')}):")
        self.indent += 1
        if kind == 1:
            self.line("count = [0]")
            self.line("def inner(z):")
            self.line("    nonlocal y")
            self.line("    y = y + str(z)")
            self.line("    count[0] += 1")
            self.line("    return y")
            self.line(f"if {self.phrase('test', 1)}: inner('i')")
            self.line(f"return {self.one('y', 'inner(x)', 'answer(y)', 'str(count)')}")
        elif kind == 2:
            self.line("global a, n")
            self.line(f"a = {self.phrase('text', 1, inside=True)}")
            self.line("n += 1")
            self.line("return a")
        else:
            if self.pick(2):
                self.line(f"mem.append({self.phrase('text', 1, inside=True)})")
            if self.pick(3) == 0:
                self.line(f"if {self.phrase('test', 1, inside=True)}: return {self.phrase('text', 1, inside=True)}")
            self.line(f"return {self.phrase('text', 2, inside=True)}")
        self.indent -= 1
        self.loops = loops

    def write(self, statements: int) -> str:
        for _ in range(statements):
            self.statement()
        seen = " ".join(f"{{{self.phrase('end', 0)}}}" for _ in range(2))
        return _BEGIN + "\n".join(self.lines) + f'\nfinal_answer = answer(f"{seen}")\n'


def stateful_plan(source: random.Random, statements: int = 6) -> str:
    """The text of a plan, by the choices of `source`. The vetter may not accept it.

    Args:
        source: the source of random numbers.
        statements: the most statements at the top level, beside those that every plan begins and ends with.
    """
    return StatefulWriter(source.randrange).write(1 + source.randrange(statements))


def stateful_plans(statements: int = 6) -> st.SearchStrategy[str]:
    """A strategy for the texts of `stateful_plan` that the vetter accepts."""
    return st.randoms(use_true_random=False).map(lambda source: stateful_plan(source, statements)).filter(_vets)


def _vets(text: str) -> bool:
    try:
        parse(text)
    except PlanRejected:
        return False
    return True
