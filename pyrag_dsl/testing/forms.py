"""The phrases of which generated plans are made: tables with one phrase in each line.

A line is `type flags phrase`. In a phrase, `$str` is a hole for any phrase of type str, and `$STR` is a hole for a
variable of this type. `$1` repeats the text of the first hole. `$$str` is a hole whose phrase may use the names that
the phrase itself binds, which the flag `x=str` declares. The other flags are `risky` for a phrase that can raise an
exception, and the features to which the phrase belongs. `-` stands for no flags.

A phrase can fill a hole without further parentheses. No phrase depends on things that CPython does not define: the
order of a set of strings, addresses, the time.
"""

from __future__ import annotations

import re
from typing import NamedTuple

TYPES = ("str", "int", "bool", "docs", "float", "ints", "dict", "counts", "set", "pair", "maybe", "date")

_HOLE = re.compile(r"\$(\$?)([a-z]+|[A-Z]+|1)")


class Slot(NamedTuple):
    """A hole for a smaller phrase.

    Attributes:
        type: the type of the phrase; "1" for the text of the first hole.
        variable: whether only a variable can fill it.
        inner: whether its phrase may use the names that the phrase around it binds.
    """

    type: str
    variable: bool
    inner: bool


class Form(NamedTuple):
    """A phrase of a table.

    Attributes:
        parts: its texts and holes, in order.
        binds: the names that it binds, with their types.
        needs: the types of which a variable must be in scope.
        features: the features to which it belongs.
        risky: whether it can raise an exception.
    """

    parts: tuple[str | Slot, ...]
    binds: tuple[tuple[str, str], ...]
    needs: frozenset[str]
    features: frozenset[str]
    risky: bool

    @property
    def parenthesised(self) -> bool:
        """Whether the phrase has parentheses around it that can be left out."""
        first, last = self.parts[0], self.parts[-1]
        return not isinstance(first, Slot) and first[0] == "(" and last == ")" and not self.binds


def _form(flags: str, phrase: str) -> Form:
    parts: list[str | Slot] = []
    at = 0
    for match in _HOLE.finditer(phrase):
        parts += [phrase[at : match.start()], Slot(match[2].lower(), match[2].isupper(), bool(match[1]))]
        at = match.end()
    parts.append(phrase[at:])
    words = [word for word in flags.split(",") if word != "-"]
    binds = tuple((word.split("=")[0], word.split("=")[1]) for word in words if "=" in word)
    needs = frozenset(part.type for part in parts if isinstance(part, Slot) and part.variable)
    features = frozenset(word for word in words if "=" not in word and word != "risky")
    return Form(tuple(part for part in parts if part != ""), binds, needs, features, "risky" in words)


def _table(text: str) -> dict[str, tuple[Form, ...]]:
    found: dict[str, list[Form]] = {}
    for line in text.strip().splitlines():
        type_, flags, phrase = line.split(None, 2)
        found.setdefault(type_, []).append(_form(flags, phrase))
    return {type_: tuple(forms) for type_, forms in found.items()}


EXPRESSIONS = _table(r"""
str     -                   $ask
str     -                   $fstring
str     -                   $str.strip()
str     -                   ($str + $str)
str     -                   ($str if $bool else $str)
str     -                   ($str or $str)
str     -                   ($str and $str)
str     -                   ($str * 2)
str     -                   $str.lower()
str     -                   $str.title()
str     -                   $str.upper().strip(" .")
str     -                   $str.replace(" ", "_", 2)
str     -                   $str.removeprefix("The ").rstrip(".")
str     -                   $str.split(",")[0]
str     -                   $str.partition(" ")[2]
str     -                   $str[:$small]
str     -                   $str[::-1]
str     -                   $str[-3:]
str     -                   $str.zfill(4)
str     -                   $str.center(9, "*")
str     -                   $str.expandtabs(2).swapcase()
str     -                   ", ".join($docs)
str     -                   " ".join(sorted($set))
str     -                   str($int)
str     -                   str($bool)
str     -                   repr($str)
str     -                   str($docs)
str     -                   max($docs, default=$str)
str     -                   $dict.get($str, $str)
str     -                   $PAIR[0]
str     risky               $str[$small]
str     risky               $docs[$small]
str     risky               $docs[-1]
str     risky               $dict[$str]
str     risky               sorted($docs)[0]
str     risky               max($docs, key=len)
str     risky               $str.rsplit(" ", 1)[1]
str     format              ("%s (%d)" % ($str, $int))
str     format              ("%-6s|%05.1f" % ($str, $float))
str     format              ("%(name)s" % {"name": $str})
str     format              "{} of {}".format($str, $str)
str     format              "{0}, {1}, {0!r}".format($str, $int)
str     format              "{name}: {n:>4}".format(name=$str, n=$int)
str     format              "{0[0]}/{0[1]}".format($pair)
str     format              format($float, ".2f")
str     generators,x=str    ", ".join(x.strip() for x in $docs if x)
str     generators,x=str    next((x for x in $docs if $$bool), $str)
str     generators,x=str    "".join(x for x in $str if x.isalpha())
str     lambda,x=str        min($docs, key=lambda x: (len(x), x), default="")
str     modules             re.sub(r"\d+", "#", $str)
str     modules             re.split(r"[,;]\s*", $str)[0]
str     modules,risky       re.search(r"\d{4}", $str).group()
str     modules,risky       re.match(r"(?P<first>\w+)\s+(\w+)", $str).group("first", 2)[1]
str     modules             json.dumps($ints)
str     modules             json.dumps($dict, sort_keys=True)
str     modules             string.ascii_lowercase[$small]
str     modules,risky       Counter($docs).most_common(1)[0][0]
str     modules             $date.strftime("%d %B %Y")
str     modules             $date.date().isoformat()
int     -                   len($docs)
int     -                   len($str)
int     -                   ($int + $int)
int     -                   ($int - $int * $small)
int     -                   ($int if $bool else $int)
int     -                   len($dict)
int     -                   len($set)
int     -                   ($int * $int % 97)
int     -                   ($int // 3 + $int % 7)
int     -                   ($int & $int | $small)
int     -                   ($int ^ $small << 2)
int     -                   ($small ** 2)
int     -                   (-$int)
int     -                   (~$int)
int     -                   abs($int)
int     -                   max($int, $int)
int     -                   sum($ints)
int     -                   divmod($int, 7)[1]
int     -                   pow($int, 3, 11)
int     -                   int($bool)
int     -                   ord("q")
int     -                   $str.count("a")
int     -                   $str.find($str)
int     -                   $counts.get($str, 0)
int     -                   $PAIR[1]
int     -                   $INT.bit_length()
int     -                   round($float)
int     risky               int($str)
int     risky               int($str.strip())
int     risky               ($int // $int)
int     risky               ($int % $int)
int     risky               $docs.index($str)
int     risky               $ints[$small]
int     risky               min($ints)
int     risky               $counts[$str]
int     generators,x=str    sum(len(x) for x in $docs)
int     generators,x=str    sum(1 for x in $docs if $$bool)
int     lambda              functools.reduce(lambda a, b: a + b, $ints, 0)
int     modules             math.floor($float)
int     modules             math.gcd($int, $int)
int     modules             math.isqrt(abs($int))
int     modules,risky       int(re.findall(r"\d+", $str)[0])
int     modules             $date.year
int     modules             ($date - $date).days
float   -                   ($int / 4)
float   -                   round($float, 1)
float   -                   ($float + $int)
float   -                   float($int)
float   -                   (sum($ints) / (len($ints) or 1))
float   risky               ($int / $int)
float   risky               float($str)
float   modules             math.sqrt(abs($int))
float   modules,risky       statistics.mean($ints)
bool    -                   ($int < $int)
bool    -                   ($int <= $int < $int)
bool    -                   ($str == $str)
bool    -                   ($str != $str)
bool    -                   ($str in $str)
bool    -                   ($str in $docs)
bool    -                   ($str not in $docs)
bool    -                   (not $bool)
bool    -                   ($bool and $bool)
bool    -                   ($bool or not $bool)
bool    -                   ($ask == "yes")
bool    -                   $ask.lower().startswith("y")
bool    -                   ($str.lower() in ("yes", "true"))
bool    -                   $str.startswith($str)
bool    -                   $str.endswith(("1", "s"))
bool    -                   $str.isdigit()
bool    -                   $str.istitle()
bool    -                   bool($docs)
bool    -                   any($docs)
bool    -                   isinstance($str, str)
bool    -                   isinstance($int, (float, str))
bool    -                   ($str in $dict)
bool    -                   ($str in $set)
bool    -                   ($set <= $set)
bool    -                   $set.isdisjoint($set)
bool    -                   ($maybe is None)
bool    -                   ($maybe is not None)
bool    -                   ($docs == $docs)
bool    -                   ($pair == $pair)
bool    -                   ($int == $float)
bool    risky               ($docs[0] < $docs[-1])
bool    risky               ($maybe > "m")
bool    generators,x=str    any($$bool for x in $docs)
bool    generators,x=str    all(len(x) > $small for x in $docs)
bool    modules             bool(re.search(r"\b(19|20)\d{2}\b", $str))
bool    modules             (re.fullmatch(r"[a-z ]+", $str, re.IGNORECASE) is not None)
bool    modules             math.isclose($float, $int)
bool    modules             ($date < $date)
docs    -                   $seek
docs    -                   [$str, $str]
docs    -                   $docs[:$small]
docs    -                   $docs[1:]
docs    -                   ($docs + $docs)[:6]
docs    -                   ($docs or [$str])
docs    -                   ($docs if $bool else [])
docs    -                   sorted($docs)
docs    -                   sorted(set($docs), reverse=True)
docs    -                   list(reversed($docs))
docs    -                   list(dict.fromkeys($docs))
docs    -                   [*$docs, $str][-5:]
docs    -                   $str.split()[:6]
docs    -                   $str.split(", ", 1)
docs    -                   $str.splitlines()
docs    -                   list($dict)
docs    -                   list($dict.values())
docs    -                   sorted($set)
docs    -                   ($docs * 2)[:5]
docs    -                   $DOCS.copy()
docs    -                   list(map(str, $ints))
docs    -                   list(filter(None, $docs))
docs    -                   list($ARGS)
docs    lambda,x=str        sorted($docs, key=lambda x: (len(x), x), reverse=True)
docs    lambda,x=str        list(map(lambda x: x[:4], $docs))
docs    lambda,x=str        list(filter(lambda x: $$bool, $docs))
docs    comprehensions,x=str    [$$str for x in $docs]
docs    comprehensions,x=str    [x for x in $docs if $$bool]
docs    comprehensions,x=str    [$$ask for x in $docs[:2]]
docs    comprehensions,x=str    [x for x in $seek if $$ask == "yes"]
docs    comprehensions,x=str    [y for x in $docs[:2] for y in $$seek][:5]
docs    comprehensions          [f"{i}. {x}" for i, x in enumerate($docs, 1)]
docs    comprehensions          [a + b for a, b in zip($docs, $docs)]
docs    comprehensions          [x for x, n in $counts.items() if n > 1 if x]
docs    modules             re.findall(r"[A-Z]\w+", $str)[:6]
docs    modules             list(itertools.chain($docs, $docs))[:6]
docs    modules             json.loads(json.dumps($docs))
ints    -                   list(range($small))
ints    -                   sorted($ints)
ints    -                   $ints[::-1]
ints    -                   $ints[::2]
ints    -                   ($ints + [$int])[-5:]
ints    -                   list($counts.values())
ints    -                   list(map(len, $docs))
ints    comprehensions,x=str    [len(x) for x in $docs]
ints    comprehensions,x=int    [x % 5 for x in $ints if $$bool]
ints    comprehensions,x=int    [$$int for x in range($small)]
ints    modules,x=str       [int(x) for x in re.findall(r"\d{1,4}", $str)]
ints    modules             list(itertools.accumulate($ints))
dict    -                   {"city": $str, "year": $str}
dict    -                   {**$dict, $str: $str}
dict    -                   dict(name=$str, place=$str)
dict    -                   dict(zip($docs, $docs))
dict    -                   ($dict | $dict)
dict    -                   $DICT.copy()
dict    -                   dict(sorted($dict.items()))
dict    comprehensions,x=str    {x: $$ask for x in $docs[:2]}
dict    comprehensions,x=str    {x: x.upper() for x in $docs}
dict    comprehensions          {k: v for k, v in $dict.items() if v}
dict    modules             json.loads(json.dumps($dict))
counts  -                   dict.fromkeys($docs, $int)
counts  -                   {$str: $int}
counts  comprehensions,x=str    {x: len(x) for x in $docs}
counts  comprehensions          {x: i for i, x in enumerate($docs)}
counts  modules             dict(Counter($docs))
set     -                   {$str, $str}
set     -                   set($docs)
set     -                   ($set | $set)
set     -                   ($set & $set)
set     -                   ($set - $set)
set     -                   ($set ^ $set)
set     -                   $set.union($docs)
set     comprehensions,x=str    {x.lower() for x in $docs}
pair    -                   ($str, $int)
pair    -                   tuple([$str, $int])
pair    -                   ($pair if $bool else ($str, $int))
pair    lambda,risky        max($counts.items(), key=lambda p: p[1])
maybe   -                   $dict.get($str)
maybe   -                   ($str if $bool else None)
maybe   generators          next(iter($docs), None)
date    modules             datetime(1999, 12, 5 + $small)
date    modules             ($date + timedelta(days=$small))
date    modules             $date.replace(year=2001, day=1)
date    modules,risky       datetime.strptime($str, "%d %B %Y")
""")

# The fields of f-strings. Quotes in them are single, and every hole is a variable.
FIELDS = _table(r"""
field   -       {$STR}
field   -       {$STR!r}
field   -       {$STR.upper()}
field   -       {$STR:>12}
field   -       {$STR[:3]:<{4 + 4}}
field   -       {$STR!s:^9}
field   -       {$STR or 'none'}
field   -       {$INT}
field   -       {$INT + 1}
field   -       {$INT:03d}
field   -       {$INT:,}
field   -       {$INT=}
field   -       {$INT / 2:.1f}
field   -       {1 if $BOOL else 0}
field   -       {$FLOAT:.2f}
field   -       {$FLOAT:{8}.{1}f}
field   -       {len($DOCS)}
field   -       {$DOCS[:2]}
field   -       {', '.join($DOCS)}
field   -       {$DICT}
field   -       {$DICT.get('city', 'none')}
field   risky   {$DICT['city']}
field   risky   {$DOCS[0]}
field   -       {$PAIR[0]!r:.5}
field   -       {$MAYBE}
field   modules {$DATE:%Y-%m}
field   -       {{}}
field   -       {2 ** 3}
""")["field"]

STATEMENTS = _table(r"""
change  augmented       $STR += $str
change  augmented       $INT += $int
change  augmented       $INT -= $small
change  augmented       $INT //= 2
change  augmented       $INT %= 9
change  augmented       $INT *= 2
change  augmented       $INT <<= 1
change  augmented       $INT |= $small
change  augmented       $INT &= 13
change  augmented       $INT ^= $small
change  augmented       $FLOAT /= 2
change  augmented       $FLOAT **= 1
change  augmented,risky $INT //= $int
change  augmented       $DOCS += $docs[:2]
change  augmented       $SET |= $set
change  augmented       $DICT |= $dict
change  augmented,risky $COUNTS[$str] += 1
change  -               $DICT[$str] = $str
change  -               $COUNTS[$str] = $1.get($str, 0) + 1
change  -               $DOCS[1:] = $docs[:3]
change  risky           $DOCS[0] = $str
change  del             del $DOCS[:1]
change  del,risky       del $DICT[$str]
change  del,risky       del $DOCS[0], $1[-1]
change  -               $DOCS.append($str)
change  -               $DOCS.extend($docs[:2])
change  -               $DOCS.insert(0, $str)
change  -               $DOCS.sort()
change  -               $DOCS.sort(key=len, reverse=True)
change  -               $DOCS.reverse()
change  risky           $DOCS.pop()
change  risky           $DOCS.remove($str)
change  -               $DICT.update({$str: $str})
change  -               $DICT.setdefault($str, $str)
change  -               $DICT.pop($str, None)
change  -               $SET.add($str)
change  -               $SET.discard($str)
change  -               $SET.update($docs)
change  -               $INTS.append($int)
effect  -               pass
effect  print           print($str)
effect  print           print($int, $bool, sep=", ", end="\n")
effect  print           print(*$docs)
effect  -               $seek
effect  risky           assert $bool
effect  risky           assert $bool, $str
effect  -               assert isinstance($int, int), "never"
""")

# The iterables of `for` loops, by the types of the targets. None has more than four items.
LOOPS = _table(r"""
str         -   $docs[:3]
str         -   ($str, $str)
str         -   [$str, $str]
str         -   $seek
str         -   $str[:3]
str         -   sorted($set)[:3]
str         -   list($dict)[:2]
int         -   range($small)
int         -   range(3, 0, -1)
int         -   $ints[:3]
int,str     -   enumerate($docs[:3])
str,str     -   zip($docs[:2], $docs[:2])
str,str     -   list($dict.items())[:3]
str,int     -   sorted($counts.items())[:3]
int,(str,str)   -   enumerate(zip($docs[:2], $docs), 1)
""")
