"""Prompts that state facts and ask a question about them: which part is which."""

# A pattern broken over lines cannot be read.
# ruff: noqa: E501

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from .questions import MAX_QUESTION_CHARACTERS
from .sentences import split_sentences, tidy

MAX_PROMPT_CHARACTERS: Final = 20_000
_MAX_FACTS: Final = 60

_QUESTION = re.compile(
    r"\b(?:(?:please |now |then )?answer(?: to)? (?:the|this) (?:original |following |final |main )?question"
    r"|(?:original |final |main |multi-hop )?question)\s?[:\-–]\s?",
    re.I,
)
_FACTS = re.compile(
    r"\b(?:given(?: that| the (?:following )?(?:facts|information))?|(?:known |stated |gathered )?facts|context|information"
    r"|evidence|findings|intermediate (?:answers|results)"
    r"|(?:based on|using|from)(?: only)?(?: the| these)?(?: following| above| stated)? (?:facts|information|findings|evidence|context|statements))"
    r"\s?(?:[:,]\s?|(?=\n))",
    re.I,
)
_GIVEN = re.compile(r"^\s*(?:given(?: that)?|we know(?: that)?|if|since)\s+(?=\S)", re.I)
_BULLET = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.)])\s+")
_CONTINUES = re.compile(r"^(?:He|She|It|They|His|Her|Its|Their|This|That|The (?:former|latter))\b")


@dataclass(frozen=True, slots=True)
class Stated:
    """Facts that a prompt states, in order, and the question that it asks; either may be empty.

    `labelled` says that the prompt itself marks where its question begins.
    """

    facts: tuple[str, ...]
    question: str
    labelled: bool = False


def split_prompt(prompt: str) -> Stated:
    """Split ``Given: <facts>. Answer the question: <question>`` and the other ways models write it.

    Without any such marker, the last sentence that ends in a question mark is the question and the rest are
    facts. Only the first 20,000 characters count.
    """
    prompt = prompt[:MAX_PROMPT_CHARACTERS]
    marks = list(_QUESTION.finditer(prompt))
    if not marks:
        return _unmarked(prompt)
    before, after = prompt[: marks[-1].start()], prompt[marks[-1].end() :]
    facts_mark = _FACTS.search(after)
    if not before.strip() and facts_mark:
        before, after = after[facts_mark.end() :], after[: facts_mark.start()]
    return Stated(_facts(before), _question(after), labelled=True)


def _unmarked(prompt: str) -> Stated:
    mark = _FACTS.match(prompt.lstrip())
    body = prompt.lstrip()[mark.end() :] if mark else prompt
    sentences = [s for line in filter(str.strip, body.splitlines()) for s in split_sentences(tidy(line))]
    asking = [place for place, sentence in enumerate(sentences) if sentence.rstrip("\"')").endswith("?")]
    if not asking:
        return Stated(_facts(body), "") if mark else Stated((), tidy(prompt))
    question = sentences.pop(asking[-1])
    return Stated(_facts("\n".join(sentences)), _question(question))


def _question(text: str) -> str:
    """The question alone: what follows its question mark is an instruction on how to answer."""
    text = text.strip()[:MAX_QUESTION_CHARACTERS]
    head, mark, _ = text.rpartition("?")
    return tidy(head + mark) if mark else tidy(text.partition("\n")[0])


def _facts(text: str) -> tuple[str, ...]:
    mark = _FACTS.match(text.lstrip())
    text = _GIVEN.sub("", text.lstrip()[mark.end() :] if mark else text)
    facts: list[str] = []
    for line in filter(str.strip, text.splitlines()):
        for part in _BULLET.sub("", line).split("; "):
            for sentence in split_sentences(tidy(part)):
                if facts and _CONTINUES.match(sentence):
                    facts[-1] = f"{facts[-1]} {sentence}"
                elif re.search(r"\w", sentence):
                    facts.append(sentence)
    return tuple(facts[:_MAX_FACTS])
