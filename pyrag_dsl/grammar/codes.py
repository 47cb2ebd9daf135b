"""The table of diagnostic codes: stable names for everything that can be wrong with a plan.

Tests and `docs/diagnostics.md` are generated from it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Phase = Literal["syntax", "vet", "run", "limit", "tool"]


class Code(NamedTuple):
    """One kind of problem. `help` is the way out, in one sentence."""

    id: str
    slug: str
    phase: Phase
    meaning: str
    help: str


_PHASES: dict[str, Phase] = {"1": "syntax", "2": "vet", "3": "run", "4": "limit", "5": "tool"}

_ROWS = (
    # 1xx: the text is not Python, or not text
    ("PLAN100", "syntax", "The text is not a program.", "Write plain Python statements."),
    ("PLAN101", "empty-plan", "There is no statement in the plan.",
     "Write a plan that ends with `final_answer = ...`."),
    ("PLAN102", "source-too-large", "The plan is longer than the limit.", "Write a shorter plan."),
    ("PLAN103", "forbidden-character", "A character that hides or reorders text.", "Remove the character."),
    ("PLAN104", "too-complex", "Brackets, blocks or operators are nested too deeply, or a line is too long.",
     "Split the expression into several assignments."),
    ("PLAN105", "unclosed-bracket", "A bracket is never closed, or closed by another kind.",
     "Close the bracket."),
    ("PLAN106", "unterminated-string", "A string does not end on its line.",
     "Close the quote; use triple quotes for text over several lines."),
    ("PLAN107", "missing-colon", "A compound statement has no colon.", "Add `:` at the end of the header."),
    ("PLAN108", "indentation", "The indentation does not fit.",
     "Indent every block by four spaces, and nothing else."),
    ("PLAN109", "invalid-escape", "A backslash before a character that it does not escape.",
     "Double the backslash or write a raw string, r\"...\"."),
    ("PLAN110", "f-string", "The braces of an f-string do not hold a simple expression.",
     "Use the other kind of quote inside `{...}`, or assign the value to a name first."),
    ("PLAN111", "non-ascii-name", "A name or operator contains a character outside ASCII.",
     "Write names in plain ASCII letters, digits and underscores."),
    ("PLAN112", "assignment-in-condition", "`=` where a value is expected.", "Write `==` to compare."),
    ("PLAN113", "invalid-name", "A name starts with a digit.", "Begin names with a letter."),
    ("PLAN114", "empty-block", "A block has no statement.", "Indent at least one statement, or write `pass`."),
    ("PLAN115", "prose", "A line of prose among the statements.", "Make it a comment: begin it with `#`."),
    ("PLAN116", "await", "`await` in a plan.", "Tools are plain functions: delete every `await`."),
    ("PLAN117", "no-plan", "The text holds prose and no statement of a plan.",
     "Reply with the program alone, in one ```python block."),
    # 2xx: Python, but not a plan
    ("PLAN201", "statement-not-allowed", "A kind of statement that plans do not have.",
     "Use assignments, if, for, while, def and try."),
    ("PLAN202", "expression-not-allowed", "A kind of expression that plans do not have.",
     "Use names, calls, f-strings, displays, comprehensions and operators."),
    ("PLAN203", "private-name", "A name or attribute that begins with an underscore pair.",
     "Use the public operation instead."),
    ("PLAN204", "forbidden-name", "A builtin that could reach the host.", "Work on plain values only."),
    ("PLAN205", "import-not-offered", "A module or member that plans cannot import.",
     "Use the modules offered; everything else comes through tools."),
    ("PLAN206", "rebinding", "A tool, module or builtin function is given another meaning.",
     "Choose another name for the variable."),
    ("PLAN207", "tool-as-value", "A tool or module is used as a value.", "Call it, and use what it returns."),
    ("PLAN208", "undefined-name", "A name that is never bound before it is used.", "Assign it first."),
    ("PLAN209", "unknown-attribute", "No value of a plan has this attribute or method.",
     "See the table of methods in the language page."),
    ("PLAN210", "tool-arguments", "A tool is called with arguments that it does not take.",
     "Call it as its signature says."),
    ("PLAN211", "no-final-answer", "The plan never says what its answer is.",
     "End with `final_answer = ...`."),
    ("PLAN212", "implicit-import", "An offered module is used without an import.", "Add the import line."),
    ("PLAN213", "scope", "`global`, `nonlocal`, `return`, `break` or `continue` out of place.",
     "Move the statement where it belongs."),
    ("PLAN214", "parameters", "The parameters or arguments of a function are malformed.",
     "Name each parameter once."),
    ("PLAN215", "decorator", "A decorator that is not offered.", "Only functools.lru_cache and functools.cache."),
    ("PLAN216", "format-field", "A format field reaches for an attribute.",
     "Give `format` the value itself."),
    ("PLAN217", "second-gate", "RestrictedPython refuses what the vetter accepts.",
     "Report this: the two gates should agree."),
    ("PLAN218", "wrong-type", "An operation on literals that can only fail.", "Convert one side first."),
    ("PLAN220", "endless-loop", "A loop whose rounds cannot differ.", "Change the query, or count the rounds."),
    ("PLAN221", "unreachable", "A statement after a jump.", "Delete it, or move it before the jump."),
    ("PLAN222", "maybe-unbound", "A name that some way through the plan leaves unbound.",
     "Give it a value before the branch or the loop."),
    ("PLAN223", "unused-result", "The result of a tool is never used.", "Use it, or delete the call."),
    ("PLAN224", "rest", "There are more problems than are named.", "Mend those that are named, and look again."),
    ("PLAN219", "literal", "A literal that plans do not have or that is too large.",
     "Use text, numbers, True, False and None."),
    # 3xx: the plan raised
    ("PLAN300", "exception", "The plan raised an exception.", "Guard the operation, or catch the exception."),
    ("PLAN301", "type-error", "An operation on a value of the wrong type.", "Check the type of the value first."),
    ("PLAN302", "value-error", "An operation on a value of the right type but wrong content.",
     "Answers are free text: extract what you need first, and catch ValueError."),
    ("PLAN303", "index-error", "A position beyond the end.", "Test the length first."),
    ("PLAN304", "key-error", "A key that is not in the dictionary.", "Use `.get(key, default)`."),
    ("PLAN305", "attribute-error", "The value has no such attribute or method.",
     "Test for None first; see the table of methods."),
    ("PLAN306", "name-error", "A name was used before it was bound.", "Bind it on every path."),
    ("PLAN307", "zero-division", "Division by zero.", "Test the divisor first."),
    ("PLAN308", "assertion", "An assertion failed.", "Handle the case instead of asserting."),
    ("PLAN309", "no-match", "`.group()` on None: the pattern did not match.",
     "Test the match: `m.group() if m else ...`."),
    ("PLAN310", "answer-is-none", "The plan ended and its answer is None.",
     "Give `final_answer` a value on every path."),
    ("PLAN311", "not-plain-data", "A value that cannot leave the plan.", "Return text, numbers, lists, dicts."),
    # 4xx: a limit
    ("PLAN400", "limit", "A limit of the run was met.", "Do less work, or raise the limit."),
    ("PLAN401", "steps", "The plan takes too many steps.", "Check that every loop ends."),
    ("PLAN402", "deadline", "The time of the run is over.", "Do less, or raise the deadline."),
    ("PLAN403", "memory", "The plan would use too much memory.", "Keep less."),
    ("PLAN404", "string-size", "A string would be too long.", "Shorten it."),
    ("PLAN405", "container-size", "A container would be too large.", "Keep fewer items."),
    ("PLAN406", "integer-size", "An integer would have too many digits.", "Use smaller numbers."),
    ("PLAN407", "recursion", "Function calls are nested too deeply.", "Use a loop."),
    ("PLAN408", "tool-calls", "Too many tool calls.",
     "Ask fewer questions, or allow more calls (`tool_calls`, --max-calls)."),
    ("PLAN409", "regex-time", "A regular expression takes too long.", "Use a simpler pattern."),
    ("PLAN410", "output", "The plan prints too much.", "Print less."),
    ("PLAN411", "depth", "A value is nested too deeply, or contains itself.", "Use flatter values."),
    ("PLAN412", "regex-size", "A regular expression is too large.", "Use a simpler pattern."),
    ("PLAN413", "budget", "The budget of tokens or money of the run is spent.", "Raise the budget."),
    # 5xx: a tool
    ("PLAN500", "tool-failed", "A tool raised an exception.",
     "Look at the service that the tool asks: its address, its key, its log."),
    ("PLAN501", "tool-arguments-at-run", "A tool was called with a value of the wrong type.",
     "Convert the value first."),
    ("PLAN502", "tool-result", "A tool returned something that it must not return.",
     "Return plain data of the declared type."),
    ("PLAN503", "tool-timeout", "A tool did not answer in time.", "Raise `call_timeout`, or look at the tool."),
    ("PLAN504", "not-recorded", "A replay meets a call that is not in its trace.",
     "Use --resume to make the missing calls."),
    ("PLAN505", "vetoed", "A hook refused the call.", "See the policy of the service."),
)  # fmt: skip

CODES: dict[str, Code] = {id: Code(id, slug, _PHASES[id[4]], meaning, help) for id, slug, meaning, help in _ROWS}
