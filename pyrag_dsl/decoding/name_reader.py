"""The reader of names: it checks names in a plan while a model writes it, which a context-free grammar cannot do.

It reads a text of level *names* (`named.py`) once, character by character, and knows the names that are bound so far,
the tools and the modules. It refuses the first character after which the vetter could accept no text: for example in a
name that nothing has bound, in a parameter that a tool does not have, in a member that a module does not have. Two laws
hold. The vetter accepts every text of the grammar that the reader has read to its end. Every text that it has read so
far can be continued to such an end, except for the limits of size.

It is stricter than the vetter where this keeps it simple. A name must be bound above its use in the text. Builtins and
modules cannot get another meaning. A function does not bind a name that it has read from outside. Calls of builtins and
methods take the keywords in `KEYWORDS`, and so do calls of functions of the plan.

Bytes beyond ASCII may be given one by one, as characters of Latin-1, because they only occur in strings and comments.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from keyword import iskeyword
from typing import Any

from ..grammar.language import (
    BINARY,
    BUILTINS,
    DEFAULT_SIGNATURES,
    IMPLICIT,
    IMPLICIT_MEMBERS,
    MODULES,
    REQUIRED,
    RESULT_NAMES,
    Signature,
    ToolParam,
)
from ..grammar.scan import MAX_LINE, MAX_SOURCE
from .frames import NOTHING, BoundNames, Frame, refused_beside, refused_by
from .wide_expressions import BRACKETS, HOLE_BRACKETS

CAP = 40  # the most characters of a name
# Beyond these bounds, the reader allows only characters that are necessary to end the line. The vetter allows more.
MOST_HEIGHT, MOST_MARKS, MOST_ELIFS = 44, 300, 40
KEYWORDS = frozenset(
    "base count day days default end ensure_ascii fillvalue flags hour hours indent initial initializer iterable key"
    " keepends maxlen maxsplit microsecond microseconds milliseconds minute minutes month ndigits new old pos repeat"
    " reverse second seconds sep separators sort_keys start step strict tzinfo weeks year".split()
)
# Functions that take a generator. A `for` that follows may bind an unbound name in their first argument.
_GATHER = frozenset(
    "all any sum min max sorted list set tuple dict frozenset next enumerate join extend update Counter deque".split()
)
_ANY_KEYWORD = frozenset({"dict", "format", "OrderedDict", "_replace"})
_OPERATORS = frozenset(BINARY.values()) | frozenset("== != < <= > >= = ~ ! -> :=".split())
_OPERATORS |= {f"{op}=" for op in BINARY.values()}
_AUGMENTED = frozenset(f"{op}=" for op in BINARY.values())
_OPERATOR_CHARACTERS = frozenset("=!<>+-*/%&|^~")
_ARITHMETIC = frozenset("+ - * / // % **".split())
_WORD = re.compile(r"[A-Za-z0-9_]")
_PREFIXES = ("f", "fr", "r", "rf")
_CONSTANTS = {"None": "None", "True": "bool", "False": "bool", "__name__": "text"}
_TESTS = frozenset("if elif while iter returns".split())
_WORDS = frozenset(
    "if elif while assert return raise for def try else finally except import from pass break continue".split()
)
_TAKEN = BUILTINS | frozenset(MODULES) | frozenset(IMPLICIT_MEMBERS) | {"type"}
_CLOSED = {")": ("(", "call", "tool", "params"), "]": ("[", "index"), "}": ("{", "hole")}


class NameReader:
    """The state after reading a part of a text of level *names*.

    `after` returns a new reader and does not change this one, so that any number of continuations can be tried.

    Attributes:
        answered: whether the text binds its answer or returns it.
    """

    def __init__(self, tools: Mapping[str, Signature] = DEFAULT_SIGNATURES, inputs: Iterable[str] = ("question",)):
        """
        Args:
            tools: the signatures of the tools.
            inputs: the names that are bound before the text begins.
        """
        given = frozenset(name for name in inputs if name.isascii() and len(name) <= CAP)
        self.tools = dict(tools)
        self.builtins = sorted(BUILTINS - self.tools.keys() - {"__name__"})
        self.scope = BoundNames(given)
        self.modules: dict[str, str] = {}  # names that stand for modules, which never change their meaning
        self.members: frozenset[str] = NOTHING  # names that `from ... import` has bound
        self.implied: frozenset[str] = NOTHING  # modules and members that were used without an import
        self.bound: frozenset[str] = NOTHING  # names that were bound somewhere in the text
        self.seen = given  # names that were read or bound
        self.keywords = KEYWORDS  # names of arguments in calls of functions
        self.answered = False
        self.characters = self.line_characters = self.marks = self.elifs = self.indent = 0
        self.opening = True  # whether the place is at the beginning of a line
        self.mode = "code"
        self.word = ""
        self.role = ""
        self.quote, self.run, self.formatted, self.escaped = "", 0, False, False
        self.must = ""  # the only character that may come next
        self.module: str | None = None  # after a dot: the module whose member comes next, or "" for an attribute
        self.converting = False
        self.begin()

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> NameReader:
        """The reader for a table from `names_table`. Raises `KeyError`, `TypeError` or `ValueError` for other data."""
        tools = {}
        for name, params in table["tools"].items():
            made = tuple(ToolParam(param, kind, REQUIRED if needed else None) for param, kind, needed in params)
            tools[name] = Signature(name, made, "any")
        return cls(tools, table["inputs"])

    def begin(self) -> None:
        """Set the state at the beginning of a statement."""
        self.frame = Frame("line", brackets=BRACKETS)
        self.part = "start"
        self.held = ""  # a name of which the next characters decide whether it is read or bound
        self.targets: tuple[str, ...] = ()
        self.source = ""  # the module that is imported from
        self.grouped = False

    def after(self, text: str) -> NameReader | None:
        """The reader after more text; None if the vetter could accept no text that continues like this."""
        made = NameReader.__new__(NameReader)
        made.__dict__.update(self.__dict__)
        step = made.step
        for char in text:
            if not step(char):
                return None
        return made

    def refusal(self, text: str) -> int:
        """The index of the first character of the text that is refused; its length if all of it may come next."""
        made = NameReader.__new__(NameReader)
        made.__dict__.update(self.__dict__)
        return next((at for at, char in enumerate(text) if not made.step(char)), len(text))

    @property
    def may_end(self) -> bool:
        """Whether the text may end here: the vetter accepts it if the grammar derives it."""
        made = self.after("\n")
        return made is not None and made.answered and made.part == "start" and made.mode == "code" and made.fits

    @property
    def fits(self) -> bool:
        """Whether the text and its lines are short enough for a plan."""
        return self.characters <= MAX_SOURCE and self.line_characters <= MAX_LINE

    # ------------------------------------------------------------------------------------------- characters

    def step(self, char: str) -> bool:
        """Read one character. Returns whether it is allowed here.

        The methods `in_*`, `*_word` and those for single marks likewise read something and return whether it is
        allowed.
        """
        self.characters += 1
        self.line_characters += 1
        return getattr(self, f"in_{self.mode}")(char)  # type: ignore[no-any-return]

    def in_text(self, char: str) -> bool:
        if self.escaped:
            self.escaped = False
        elif char == "\\":
            self.escaped, self.run = True, 0
        elif char == self.quote[0]:
            self.run += 1
            if self.run == len(self.quote):
                self.mode = "code"
                self.operand_done("text", texted=True)
        else:
            self.run = 0
            if char == "{" and self.formatted:
                self.mode = "brace"
                return not self.tight
        return True

    def in_quote(self, char: str) -> bool:
        """After one or two quotes, which may be the first of three."""
        if char == self.quote:
            self.run += 1
            if self.run == 3:
                self.mode, self.quote, self.run = "text", self.quote * 3, 0
            return True
        two, self.run = self.run == 2, 0
        if not two:
            self.mode = "text"
            return self.in_text(char)
        self.mode = "code"
        self.operand_done("text", texted=True)
        return self.in_code(char)

    def in_brace(self, char: str) -> bool:
        if char == "{":
            self.mode = "text"
            return True
        self.hole(self.quote)
        return self.in_code(char)

    def hole(self, quote: str) -> None:
        outer, self.mode = self.frame, "code"
        self.marks += 1
        self.frame = Frame("hole", outer, HOLE_BRACKETS, quote, above=outer.above + outer.ops + 3)

    def in_spec(self, char: str) -> bool:
        """In a format specification."""
        if char == "{":
            self.hole(self.frame.quote)
            return not self.tight
        if char == "}":
            self.mode = "code"
            return self.close(char)
        return True

    def in_comment(self, char: str) -> bool:
        if char != "\n":
            return True
        self.mode = "code"
        return self.in_code(char)

    def in_number(self, char: str) -> bool:
        if char in "0123456789_.eE" or (char in "+-" and self.word[-1] in "eE"):
            whole = self.word != "0" and (char.isdigit() or char == "_")
            self.word += char
            return whole or "float" not in self.frame.refused
        self.mode = "code"
        self.operand_done("number")
        return self.in_code(char)

    def in_word(self, char: str) -> bool:
        if _WORD.match(char):
            self.word += char
            return self.begins()
        if char in "\"'" and self.word in _PREFIXES and self.role in ("load", "argument", "between", "start", "target"):
            return self.text(char, formatted="f" in self.word)
        self.mode = "code"
        return self.finished() and self.in_code(char)

    def in_operator(self, char: str) -> bool:
        if self.word + char in _OPERATORS:
            self.word += char
            return self.operator_begins()
        self.mode = "code"
        return self.operator(self.word) and self.in_code(char)

    def in_code(self, char: str) -> bool:
        if self.must:
            if char != self.must:
                return False
            self.must = ""
            return self.trail(char, required=True)
        if char == " ":
            self.indent += self.opening
            return self.apart
        if char == "\n":
            if self.frame.kind != "line" or self.grouped:
                return True
            fits = self.fits
            if not self.end():
                return False
            self.opening, self.indent = True, 0
            if fits:
                self.line_characters = self.marks = 0
            return True
        if char == "#":
            self.mode = "comment"
            return self.frame.kind != "line" or self.grouped or self.end()
        if self.opening:
            self.opening = False
            while self.scope.up is not None and self.scope.indent >= self.indent:
                self.scope = self.scope.up
        if char in "\"'":
            return self.text(char, formatted=False)
        if char.isdigit():
            self.mode, self.word = "number", char
            return self.frame.operand and "number" not in self.frame.refused
        if _WORD.match(char):
            self.mode, self.word, self.role = "word", char, self.role_of_word()
            self.marks += self.role == "between"
            return self.begins()
        self.marks += 1
        if char in _OPERATOR_CHARACTERS:
            self.mode, self.word = "operator", char
            return self.operator_begins()
        return _MARKS[char](self, char) if char in _MARKS else False

    def text(self, quote: str, *, formatted: bool) -> bool:
        """A string begins."""
        frame = self.frame
        if frame.kind == "line" and self.part == "start":
            self.part = "text"
        self.mode, self.quote, self.run, self.formatted, self.escaped = "quote", quote, 1, formatted, False
        return "text" not in frame.refused if frame.operand else frame.texted

    # ------------------------------------------------------------------------------------ expressions

    @property
    def apart(self) -> bool:
        """Whether a space is allowed here. After a test or in braces, only an operator may follow a space."""
        frame = self.frame
        ends = frame.kind == "hole" or (frame.kind == "line" and self.part in _TESTS)
        return frame.operand or not ends or frame.choices > 0 or not self.tight

    @property
    def tight(self) -> bool:
        """Whether only necessary characters are allowed, because the line is as complex as it may be."""
        frame = self.frame
        return frame.above + frame.ops + frame.tallest >= MOST_HEIGHT or self.marks >= MOST_MARKS

    def operand_done(self, kind: str, *, texted: bool = False, last: str = "") -> None:
        """Note that an operand was read. `kind` is its kind if it is a literal."""
        frame = self.frame
        if not frame.operand:  # a string that follows a string
            return
        self.frame = frame._replace(
            operand=False, fresh=False, refused=NOTHING, negatable=False, texted=texted, last=last,
            left="" if frame.arithmetic else kind, only=kind if frame.sole else "",
        )  # fmt: skip

    def trailed(self, last: str = "") -> None:
        """Note that an attribute, item or call of the operand before was read."""
        self.frame = self.frame._replace(operand=False, left="", only="", sole=False, texted=False, last=last)

    def apply(self, operator: str, *, negatable: bool = False) -> bool:
        """An operator between operands was read."""
        frame = self.frame
        if self.tight and operator != "else":
            return False
        refused = refused_beside(frame.left) if operator == "+" else NOTHING
        self.frame = frame._replace(
            operand=True, fresh=False, sole=False, refused=refused, left="", only="", texted=False, last="",
            arithmetic=operator in _ARITHMETIC, negatable=negatable, ops=frame.ops + 1,
        )  # fmt: skip
        return True

    def trail(self, char: str, *, required: bool = False) -> bool:
        """A dot or a bracket after an operand. `required` says that it must follow, after a module or a tool."""
        if self.held and not self.read_held():
            return False
        frame = self.frame
        if self.part == "held":
            self.part = "path"
        above, frame = frame.above + frame.ops + 3, frame._replace(ops=frame.ops + 1)
        self.frame = frame
        if char == ".":
            self.module = (self.module_of(frame.last) or "") if required else ""
            return True
        tool = self.tools.get(frame.last) if required else None
        kind = "index" if char == "[" else "call" if tool is None else "tool"
        inner = Frame(kind, frame, frame.brackets - 1, frame.quote, above=above)
        if tool is not None:
            inner = inner._replace(tool=tool, refused=refused_by(tool.params[0].type) if tool.params else NOTHING)
        elif kind == "call":
            inner = inner._replace(callee=frame.last, element=frame.last in _GATHER)
        self.frame = inner
        return True

    def operator_begins(self) -> bool:
        """Whether an operator that begins with the characters so far is allowed here."""
        frame, word = self.frame, self.word
        if frame.kind == "line" and self.part in ("held", "targets"):
            if not self.held:  # after a comma, an item or a name with a star
                return word == ("*" if frame.operand else "=")
            if not self.may_bind(self.held):
                return False
            return word == "=" or (self.part == "held" and self.held in self.scope.names)
        if frame.kind == "line" and self.part in ("path", "returns") and not self.held:
            return True
        if self.held:
            if word == "=":
                return self.names_argument(self.held) or self.may_read(self.held)
            return self.read_held() and self.operator_begins()
        if frame.operand and word in ("-", "+", "~"):
            return "number" not in frame.refused and not self.tight
        if (
            frame.operand
            or (word == "=" and frame.kind in ("params", "hole"))
            or (word == "!" and frame.kind == "hole")
        ):
            return True
        return not self.tight

    def operator(self, word: str) -> bool:
        """An operator was read to its end."""
        frame = self.frame
        if frame.kind == "line" and (word == "=" or word in _AUGMENTED):
            if self.held:
                self.targets += (self.held,)
                self.held = ""
            self.part = "value"
            self.frame = Frame("line", brackets=BRACKETS)
            return True
        if word == "->":
            self.frame = Frame("line", brackets=BRACKETS, negatable=False)
            return True
        if word == "=":
            if frame.kind == "params":
                self.frame = frame.item(value=True, fresh=False)
                return True
            if frame.kind == "hole":
                return True
            if not self.held or not self.names_argument(self.held):
                return False
            return self.named_argument()
        if self.held and not self.read_held():
            return False
        frame = self.frame
        if word == "!":
            self.converting = True
            return frame.kind == "hole"
        if not frame.operand:
            return self.apply(word)
        if word in ("*", "**"):
            if frame.kind == "line" and self.part == "targets":
                self.role = "starred"
                return True
            if frame.kind == "params":
                return True
            if frame.kind == "{" and word == "*" and "set" in frame.limits:
                return False
            self.frame = frame._replace(
                fresh=False, negatable=False, element=False, sole=False, ops=frame.ops + 1,
                named=frame.named or (word == "**" and frame.kind == "call"), pair=frame.pair or word == "**",
            )  # fmt: skip
            return not self.tight
        if word in ("-", "+", "~"):
            self.frame = frame._replace(negatable=False, fresh=False, ops=frame.ops + 1)
            return True
        return False

    def named_argument(self) -> bool:
        """The name of an argument and `=` were read."""
        frame, name = self.frame, self.held
        self.held = ""
        refused = NOTHING
        if frame.tool is not None:
            refused = refused_by(next(param.type for param in frame.tool.params if param.name == name))
        self.frame = frame.item(
            value=True, named=True, element=False, given=frame.given | {name}, refused=refused, fresh=False
        )
        return True

    def open(self, bracket: str) -> bool:
        """An opening bracket."""
        frame = self.frame
        if bracket == "(" and (frame.clause == "target" or (frame.kind == "line" and self.part == "for")):
            return True
        if frame.kind == "line" and self.part in ("members", "sig"):
            if self.part == "sig":
                self.frame = Frame("params", frame, frame.brackets - 1, above=2)
            self.grouped = self.part == "members"
            return True
        if not frame.operand or self.held:
            return bracket != "{" and not self.tight and self.trail(bracket)
        if self.tight:
            return False
        if bracket == "[":
            inner = Frame(bracket, element=True)
            good = "list" not in frame.refused
        elif bracket == "{":
            inner = Frame(bracket, element=True, limits=frame.refused)
            good = not frame.refused >= {"dict", "set"}
        else:
            looped = frame.kind == "line" and self.part == "iter"
            gathers = looped or (frame.kind == "call" and frame.callee in _GATHER and not frame.quote)
            element = gathers and "generator" not in frame.refused
            inner = Frame(bracket, refused=frame.refused, limits=frame.refused, element=element)
            good = True
        above = frame.above + frame.ops + 3
        outer = frame._replace(fresh=False)
        self.frame = inner._replace(up=outer, brackets=frame.brackets - 1, quote=frame.quote, above=above)
        return good

    def close(self, bracket: str) -> bool:
        """A closing bracket."""
        frame = self.frame
        if frame.clause == "target" or (frame.kind == "line" and self.part == "for"):
            return bracket == ")"
        if frame.kind == "line":
            good, self.grouped = self.grouped and self.imported(), False
            self.part = "done"
            return good
        if frame.kind not in _CLOSED[bracket] or (self.held and not self.read_held()):
            return False
        frame = self.frame
        assert frame.up is not None
        empty = frame.operand and frame.fresh and not frame.commas
        kind = self.kind_of(frame, empty)
        if kind in frame.limits:
            return False
        if frame.kind == "tool" and not self.complete():
            return False
        outer, rest = frame.up, frame.pending | frame.owed
        if rest and not outer.capable():
            return False
        pending = outer.pending | rest if outer.gathers else outer.pending
        owed = outer.owed if outer.gathers else outer.owed | rest
        height = frame.height + 2
        self.frame = outer._replace(pending=pending, owed=owed, tallest=max(outer.tallest, height))
        if frame.kind == "hole":
            self.mode = "spec" if outer.kind == "hole" else "text"
            self.quote, self.formatted, self.escaped, self.run = frame.quote, True, False, 0
        elif frame.kind == "params":
            self.part = "returns"
        elif frame.kind in ("call", "tool", "index"):
            self.trailed()
            if outer.kind == "line" and self.part == "path" and frame.kind == "index":
                self.frame = self.frame._replace(last="[]")
        else:
            self.operand_done(kind)
        return True

    def kind_of(self, frame: Frame, empty: bool) -> str:
        """The kind of literal that a bracket is."""
        if frame.kind == "[":
            return "list"
        if frame.kind == "{":
            return "dict" if frame.pair or empty else "set"
        if frame.kind != "(":
            return ""
        if frame.clause:
            return "generator"
        return "tuple" if frame.commas or empty else frame.only

    def complete(self) -> bool:
        """Whether the tool call that ends here has all required arguments."""
        frame = self.argued()
        assert frame.tool is not None
        return all(param.default is not REQUIRED or param.name in frame.given for param in frame.tool.params)

    def argued(self) -> Frame:
        """The frame, where the current argument of a tool call is added to those that were given."""
        frame = self.frame
        if frame.tool is None or frame.operand or frame.value or frame.named:
            return frame
        return frame._replace(given=frame.given | {frame.tool.params[frame.commas].name})

    def comma(self, _: str) -> bool:
        frame = self.frame
        if frame.lambda_ == "params" or frame.clause == "target":
            self.frame = frame._replace(operand=True)
            return True
        if frame.kind == "line":
            return self.comma_of_line()
        if self.held and not self.read_held():
            return False
        frame = self.argued()
        if frame.kind == "params":
            self.frame = frame.item(value=False)
            return True
        if self.marks >= MOST_MARKS and (frame.tool is None or self.complete()):
            return False
        if frame.kind == "(" and "tuple" in frame.limits:
            return False
        if frame.kind == "{" and not frame.pair and "set" in frame.limits:
            return False
        if frame.pending and not (frame.up is not None and frame.up.capable()):
            return False
        commas = frame.commas + 1
        refused = NOTHING
        if frame.tool is not None and commas < len(frame.tool.params) and not frame.named:
            refused = refused_by(frame.tool.params[commas].type)
        self.frame = frame.item(
            commas=commas, value=False, refused=refused, owed=frame.owed | frame.pending, pending=NOTHING
        )
        return True

    def comma_of_line(self) -> bool:
        if self.part in ("held", "targets"):
            if self.held and not self.may_bind(self.held):
                return False
            self.targets += (self.held,) if self.held else ()
            self.held, self.part = "", "targets"
        elif self.part == "path":
            self.part = "targets"
        elif self.part == "for":
            self.frame = self.frame._replace(operand=True)
            return True
        elif self.part in ("import", "members"):
            return self.imported()
        elif self.marks >= MOST_MARKS:
            return False
        self.frame = self.frame.item(commas=self.frame.commas + 1)
        return True

    def colon(self, _: str) -> bool:
        frame = self.frame
        if frame.lambda_ == "params":
            self.frame = frame._replace(lambda_="body", operand=True, fresh=False)
        elif frame.kind == "{":
            self.frame = frame.item(pair=True, fresh=False, value=True)
        elif frame.kind == "index":
            self.frame = frame.item()
        elif frame.kind == "params":
            self.frame = frame.item(value=True, fresh=False, negatable=False)
        elif frame.kind == "hole":
            self.mode = "spec"
        else:
            return frame.kind == "line" and self.header()
        return True

    def semicolon(self, _: str) -> bool:
        return self.frame.kind == "line" and self.end()

    # ---------------------------------------------------------------------------------------- statements

    def header(self) -> bool:
        """The colon of a compound statement."""
        if self.part == "returns":
            name, *params = self.targets
            self.bind(name)
            self.seen = self.seen.union(params)
            self.keywords = self.keywords.union(params)
            self.scope = BoundNames(frozenset(params), NOTHING, self.indent, self.scope)
        else:
            for name in self.targets:
                self.bind(name)
        self.begin()
        return True

    def end(self) -> bool:
        """The end of a simple statement."""
        if self.part == "targets" or (self.held and not self.read_held()):
            return False
        if self.part in ("import", "members") and not self.imported():
            return False
        for name in self.targets:
            self.bind(name)
        self.begin()
        return True

    def bind(self, name: str) -> None:
        self.scope = self.scope._replace(names=self.scope.names | {name})
        self.bound = self.bound | {name}
        self.seen = self.seen | {name}
        self.answered = self.answered or (name in RESULT_NAMES and self.scope.up is None)

    def imported(self) -> bool:
        """A module or a member of a module was imported."""
        name, alias = (*self.targets, "", "")[:2]
        self.targets = ()
        self.frame = self.frame.item()
        if not name:
            return self.grouped  # a comma after the last name
        if self.part == "import":
            if (alias or name) in self.tools or (name in self.members and not alias):
                return False
            self.modules = {**self.modules, alias or name: name}
        elif self.may_import(alias or name):
            self.members = self.members | {alias or name}
        else:
            return False
        self.bind(alias or name)
        return True

    def may_import(self, name: str) -> bool:
        """Whether a member of a module may have this name."""
        if name == "datetime" or name in IMPLICIT_MEMBERS:
            return not any(name in names for names in (self.implied, self.modules, self.tools, self.scope.borrowed))
        return self.may_bind(name)

    # --------------------------------------------------------------------------------------------- words

    def role_of_word(self) -> str:
        """The role of a word that begins here, which names the method that reads it."""
        frame, part = self.frame, self.part
        if self.module is not None:
            return "attribute"
        if self.converting:
            return "free"
        if frame.lambda_ == "params" or (frame.kind == "params" and frame.fresh):
            return "bind"
        if frame.clause == "target" or (frame.kind == "line" and part == "for"):
            return "bind" if frame.operand else "between"
        if frame.kind == "line":
            if part == "start":
                return "start"
            if part == "targets":
                return "bind" if self.role == "starred" else "target"
            if part in ("def", "as"):
                return "bind"
            if part in ("from", "import", "members"):
                return "free" if frame.operand else "between"
        if self.held and not self.read_held():
            return "none"
        frame = self.frame
        if not frame.operand:
            return "between"
        if frame.kind in ("call", "tool") and frame.fresh and not frame.value:
            return "argument"
        return "load"

    def begins(self) -> bool:
        """Whether a word of the current role that begins with the characters so far is allowed here."""
        word, role = self.word, self.role
        if role == "load":
            return self.reads(word)
        if role == "between":
            return any(other.startswith(word) for other in self.between())
        if role == "argument":
            return any(other.startswith(word) for other in self.arguments(word)) or self.reads(word)
        if role == "attribute":
            return not self.module or any(other.startswith(word) for other in MODULES[self.module])
        if role == "free":
            return True
        if role == "bind":
            return len(word) < CAP or (len(word) == CAP and self.may_bind(word))
        return role != "none" and (
            len(word) < CAP or (len(word) == CAP and (self.may_bind(word) or self.may_read(word)))
        )

    def finished(self) -> bool:
        """A word was read to its end."""
        return getattr(self, f"{self.role}_word")(self.word)  # type: ignore[no-any-return]

    def attribute_word(self, word: str) -> bool:
        module, self.module = self.module, None
        self.trailed(last=word)
        return not module or word in MODULES[module]

    def free_word(self, word: str) -> bool:
        if self.converting:
            self.converting = False
        elif self.part == "from":
            if self.source:
                self.part = "members"
            else:
                self.source = word
        else:
            self.targets = (word,)
            self.frame = self.frame._replace(operand=False)
        return True

    def start_word(self, word: str) -> bool:
        if word in _WORDS:
            self.part = word
            self.elifs += word == "elif"
            if word in ("try", "else", "finally", "pass", "break", "continue"):
                self.part = "done"
            self.answered = self.answered or (word == "return" and self.scope.up is None)
            return self.elifs <= MOST_ELIFS
        self.part = "held"
        if word in self.tools:
            return self.read(word)
        self.held = word
        if self.may_bind(word):
            return True
        return self.may_read(word) and (self.module_of(word) is None or self.read_held())

    def target_word(self, word: str) -> bool:
        self.held = word
        if self.may_bind(word):
            return True
        self.must = "["  # the name cannot be bound, but one of its items can be
        return self.module_of(word) is None and self.read_held()

    def bind_word(self, word: str) -> bool:
        frame = self.frame
        if frame.lambda_ == "params":
            self.frame = frame._replace(params=frame.params | {word}, operand=False)
            self.seen = self.seen | {word}
            return word not in frame.params and self.may_bind(word, inner=True)
        if frame.clause == "target":
            self.frame = frame._replace(arriving=frame.arriving | {word}, pending=frame.pending - {word}, operand=False)
            self.seen = self.seen | {word}
            return self.may_bind(word, inner=True)
        if frame.kind == "params":
            self.frame = frame._replace(operand=False, fresh=False)
            good = word not in self.targets[1:] and self.may_bind(word, inner=True)
            self.targets += (word,)
            return good
        self.role = ""
        self.targets += (word,)
        self.frame = frame._replace(operand=False, fresh=False)
        if self.part == "def":
            self.part = "sig"
        elif self.part == "as":
            self.part = "members" if self.source else "import" if len(self.targets) == 2 else "except"
            if self.part == "import":
                return self.may_bind(word) and word not in self.seen and word not in RESULT_NAMES
        return self.may_bind(word)

    def between_word(self, word: str) -> bool:
        frame = self.frame
        if word == "in" and (frame.clause == "target" or (frame.kind == "line" and self.part == "for")):
            if frame.clause:
                self.frame = frame.item(clause="source", fresh=False, ops=frame.ops, tallest=frame.tallest)
            else:
                self.part = "iter"
                self.frame = Frame("line", brackets=BRACKETS)
            return True
        if word == "for":
            self.frame = frame.item(
                clause="target", bound=frame.bound | frame.arriving, arriving=NOTHING, ops=frame.ops + 1,
                tallest=frame.tallest, fresh=False,
            )  # fmt: skip
            return True
        if word == "as":
            self.part = "as"
            return True
        if word == "if" and frame.clause:
            self.frame = frame._replace(bound=frame.bound | frame.arriving, arriving=NOTHING)
        elif word in ("if", "else"):
            self.frame = frame._replace(choices=frame.choices + (1 if word == "if" else -1))
        if word == "not":  # `not in`
            return True
        return self.apply(word, negatable=word not in ("in", "from"))

    def argument_word(self, word: str) -> bool:
        if self.names_argument(word) and not (word in self.tools or self.module_of(word)):
            self.held = word
            return True
        return not self.frame.named and self.load_word(word)

    def load_word(self, word: str) -> bool:
        frame = self.frame
        if word == "not":
            self.frame = frame._replace(negatable=False, fresh=False, sole=False, ops=frame.ops + 1)
            return frame.negatable and not self.tight
        if word == "lambda":
            good = self.lambdas
            self.frame = frame._replace(lambda_="params", fresh=False, sole=False, element=False, ops=frame.ops + 1)
            return good
        return self.read(word)

    # --------------------------------------------------------------------------------------------- names

    def between(self) -> Iterator[str]:
        """The words that may follow an operand."""
        frame, line = self.frame, self.frame.kind == "line"
        if frame.texted and not self.tight:
            yield from _PREFIXES
        if frame.clause == "target" or (line and self.part == "for"):
            yield "in"
        elif line and self.part in ("import", "members"):
            yield "as"
            return
        elif line and self.part == "except":
            yield "as"
            return
        elif not self.tight:
            yield from ("if", "else", "and", "or", "in", "is", "not")
            if line and self.part == "raise":
                yield "from"
        else:
            yield "else"
        if self.may_gather(frame):
            yield "for"

    def may_gather(self, frame: Frame) -> bool:
        """Whether `for` may follow in this bracket."""
        if frame.kind not in ("(", "[", "{", "call") or frame.commas or (self.tight and not frame.pending):
            return False
        if frame.kind == "(":
            return "generator" not in frame.limits
        return frame.kind != "{" or frame.pair or "set" not in frame.limits

    @property
    def plain(self) -> bool:
        """Whether only names are allowed here, because these are the exceptions that a handler catches."""
        return self.part == "except"

    @property
    def lambdas(self) -> bool:
        """Whether a lambda is allowed here."""
        frame = self.frame
        if frame.lambda_ == "body" or frame.clause or self.tight or not (frame.sole and frame.negatable):
            return False
        if frame.kind == "{":
            return frame.value
        return frame.kind == "call" or (frame.kind == "line" and self.part == "value" and not frame.commas)

    def module_of(self, name: str) -> str | None:
        """The module that a name stands for; None if it stands for none."""
        if name in self.modules:
            return self.modules[name]
        return name if name in IMPLICIT and name not in self.members and name not in self.tools else None

    def visible(self, name: str) -> bool:
        """Whether a binding of a name is visible here."""
        if self.frame.sees(name):
            return True
        if name in self.targets and name not in self.scope.names:
            return False
        return self.scope.sees(name) and name not in self.modules

    def names(self) -> Iterator[str]:
        """The names that are bound above or around."""
        frame: Frame | None = self.frame
        while frame is not None:
            yield from frame.bound
            yield from frame.params
            frame = frame.up
        scope: BoundNames | None = self.scope
        while scope is not None:
            yield from scope.names
            scope = scope.up

    def may_bind(self, name: str, *, inner: bool = False) -> bool:
        """Whether a plan may bind a name here. `inner` says that a lambda, a comprehension or a signature binds it."""
        return (
            not iskeyword(name)
            and name not in _TAKEN
            and name not in self.tools
            and name not in self.modules
            and not name.startswith("__")
            and (inner or name not in self.scope.borrowed)
        )

    def may_read(self, name: str) -> bool:
        """Whether a name may be read here: as a value, or at the beginning of a call or a path."""
        if name in self.tools:
            return bool(self.frame.brackets) and not self.plain and not self.tight
        if self.module_of(name):
            return not self.tight
        if name in _CONSTANTS:
            return (not self.plain or name == "None") and _CONSTANTS[name] not in self.frame.refused
        if self.visible(name) or (name in BUILTINS and name not in self.tools):
            return True
        if name in IMPLICIT_MEMBERS:
            return name not in self.bound
        return self.gathered(name)

    def gathered(self, name: str) -> bool:
        """Whether an unbound name is allowed here because a `for` that follows can bind it."""
        return len(name) <= CAP and self.frame.capable() and not self.tight and self.may_bind(name, inner=True)

    def reads(self, word: str) -> bool:
        """Whether a word that may be read here begins with these characters."""
        frame = self.frame
        if frame.named and not frame.value and frame.fresh:
            return False
        tight = self.tight
        at = bisect_left(self.builtins, word)
        if at < len(self.builtins) and self.builtins[at].startswith(word):
            return True
        if any(name.startswith(word) and self.visible(name) for name in self.names()):
            return True
        for names in (_CONSTANTS, self.tools, IMPLICIT, self.modules, IMPLICIT_MEMBERS):
            if any(name.startswith(word) and self.may_read(name) for name in names):
                return True
        if not self.plain:
            if "not".startswith(word) and frame.negatable and not tight:
                return True
            if "lambda".startswith(word) and self.lambdas:
                return True
            if any(prefix.startswith(word) for prefix in _PREFIXES) and not frame.quote and "text" not in frame.refused:
                return True
        return not tight and frame.capable() and (len(word) < CAP or self.gathered(word))

    def read(self, name: str) -> bool:
        """A name was read as a value."""
        if not self.may_read(name):
            return False
        module = self.module_of(name)
        if name in self.tools:
            self.operand_done("tool", last=name)
            self.must = "("
        elif module is not None:
            self.operand_done("module", last=name)
            self.must = "."
            if name not in self.modules:
                self.implied = self.implied | {name}
        elif name in _CONSTANTS:
            self.operand_done(_CONSTANTS[name])
        else:
            if self.frame.sees(name):
                pass
            elif self.visible(name):
                self.scope = self.scope.reading(name)
            elif name in IMPLICIT_MEMBERS:
                self.implied = self.implied | {name}
            elif name not in BUILTINS:
                frame = self.frame
                if frame.gathers:
                    self.frame = frame._replace(pending=frame.pending | {name})
                else:
                    self.frame = frame._replace(owed=frame.owed | {name})
            self.seen = self.seen | {name}
            self.operand_done("", last=name)
        return True

    def read_held(self) -> bool:
        """The held name is read: it was neither bound nor the name of an argument."""
        name, self.held = self.held, ""
        if self.part == "held" and self.frame.kind == "line":
            self.part = "path"
        return not (self.frame.named and not self.frame.value) and self.read(name)

    def arguments(self, word: str) -> Iterable[str]:
        """The names of arguments that may begin with these characters; perhaps also others."""
        frame = self.frame
        if frame.tool is not None:
            return [param.name for param in frame.tool.params if self.names_argument(param.name)]
        if frame.callee in _ANY_KEYWORD and len(word) <= CAP:
            return (word,) if len(word) < CAP or self.names_argument(word) else ()
        return self.keywords - frame.given

    def names_argument(self, name: str) -> bool:
        """Whether this may be the name of an argument here."""
        frame = self.frame
        if frame.kind not in ("call", "tool") or frame.value or not frame.fresh or name in frame.given:
            return False
        if frame.tool is not None:
            return any(param.name == name for param in frame.tool.params)
        if frame.callee in _ANY_KEYWORD:
            return not iskeyword(name) and not name.startswith("__") and name not in self.tools
        return name in self.keywords and name not in self.tools


def names_table(tools: Mapping[str, Signature], inputs: Iterable[str] = ("question",)) -> dict[str, Any]:
    """The tools and inputs of a reader of names, as data for the body of a request."""
    return {
        "tools": {
            name: [[param.name, param.type, param.default is REQUIRED] for param in tool.params]
            for name, tool in tools.items()
        },
        "inputs": sorted(inputs),
    }


_MARKS: dict[str, Callable[[NameReader, str], bool]] = {
    "(": NameReader.open,
    "[": NameReader.open,
    "{": NameReader.open,
    ")": NameReader.close,
    "]": NameReader.close,
    "}": NameReader.close,
    ",": NameReader.comma,
    ":": NameReader.colon,
    ";": NameReader.semicolon,
    ".": lambda reader, char: not reader.tight and reader.trail(char),
}
