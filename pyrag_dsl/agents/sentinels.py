"""Sentinels: answers that say that there is no answer.

Adaptive retrieval repeats a retrieve for a sentinel, so a sentinel that is missed costs evidence, and a false one costs
calls. A sentinel is a whole answer, after normalisation, and never a part of one: "Unknown." is a sentinel, but "The
Unknown Soldier" and "Unknown Pleasures" are answers. The phrases are those of PyRAG (arXiv 2605.12975), which looks for
substrings, and some more.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from .sentences import says_nothing

_LONGEST = 600  # the longest sentinel, in characters


@dataclass(frozen=True, slots=True)
class Sentinels:
    """The answers that count as no answer.

    Attributes:
        whole: phrases that are a sentinel as a whole answer.
        openings: phrases that are a sentinel also if the sentence continues ("not enough information to say who ...").
            No name may begin with one.
        sentences: whether English sentences that say that there is no answer count as well.
    """

    whole: tuple[str, ...]
    openings: tuple[str, ...] = ()
    sentences: bool = False


ENGLISH = Sentinels(
    whole=(
        "unknown",
        "not known",
        "it is not known",
        "not found",
        "no answer",
        "no answer found",
        "answer not found",
        "none",
        "n/a",
        "not available",
        "not applicable",
        "not mentioned",
        "it is not mentioned",
        "not specified",
        "not stated",
        "not provided",
        "not given",
        "not clear",
        "unclear",
        "undetermined",
        "unspecified",
        "unanswerable",
        "cannot say",
        "cannot tell",
        "i don't know",
        "i do not know",
        "i don't know the answer",
        "i do not know the answer",
        "don't know",
        "do not know",
        "not sure",
        "i'm not sure",
        "i am not sure",
        "no idea",
        "i have no idea",
        "no information",
        "cannot be determined",
        "cannot determine",
        "can't determine",
        "could not be determined",
        "unable to determine",
        "cannot answer",
        "can't answer",
        "cannot be answered",
        "unable to answer",
        "not answerable",
        "insufficient data",
        "insufficient evidence",
    ),
    openings=(
        "not enough information",
        "no enough information",
        "there is not enough information",
        "there isn't enough information",
        "not sufficient information",
        "insufficient information",
        "there is insufficient information",
        "information is insufficient",
        "no information about",
        "no information on",
        "there is no information",
        "cannot answer the question",
        "cannot answer this question",
        "i cannot answer",
        "i can't answer",
        "i am unable to answer",
        "i'm unable to answer",
        "unable to answer the question",
        "unable to answer this question",
        "question cannot be answered",
        "unable to determine from",
        "cannot be determined from",
        "documents do not",
        "documents don't",
        "provided documents do not",
        "given documents do not",
        "retrieved documents do not",
        "passages do not",
        "passages don't",
        "provided passages do not",
        "given passages do not",
        "retrieved passages do not",
        "none of passages",
        "none of documents",
        "provided context does not",
        "given context does not",
        "context does not",
    ),
)

CHINESE = Sentinels(
    whole=(
        "未知",
        "不知道",
        "我不知道",
        "不清楚",
        "不详",
        "不詳",
        "无",
        "無",
        "没有",
        "沒有",
        "无答案",
        "無答案",
        "没有答案",
        "沒有答案",
        "未提及",
        "没有提到",
        "沒有提到",
        "文中未提及",
        "文档中未提及",
        "文檔中未提及",
        "未找到",
        "找不到",
        "未找到答案",
        "没有找到",
        "沒有找到",
        "无法确定",
        "無法確定",
        "无法得知",
        "無法得知",
        "无法判断",
        "無法判斷",
    ),
    openings=(
        "信息不足",
        "资料不足",
        "資訊不足",
        "資料不足",
        "没有足够的信息",
        "沒有足夠的資訊",
        "无法根据",
        "無法根據",
        "无法回答",
        "無法回答",
        "文档中没有",
        "文檔中沒有",
    ),
)

DEFAULT = Sentinels(ENGLISH.whole + CHINESE.whole, ENGLISH.openings + CHINESE.openings, sentences=True)

_APOSTROPHES = re.compile("['\u2018\u2019\u02bc`\u00b4]")
_NOT_WORDS = re.compile(r"[\W_]+")
_SOURCE = (
    r"(?:in|from|by|within|on|using|with|based on|according to|basis of)(?: any of)?"
    r"(?: (?:the|these|those|this|that|my|your))?"
    r"(?: (?:provided|given|retrieved|available|supplied|above|following))*"
    r" (?:documents?|docs?|passages?|contexts?|texts?|information|info|sources?|articles?|search results"
    r"|data|evidence)"
    r"(?: (?:provided|given|retrieved|available|supplied|above))?"
)
_TAIL = re.compile(rf" (?:{_SOURCE}|here|yet|at this time|to me)$")
_HEAD = re.compile(
    r"^(?:(?:i am |im )?(?:very |so )?sorry|unfortunately|apologies|i apologi[sz]e|my apologies"
    r"|final answer|answer"
    r"|the (?:final )?answer is|answer is|it is|its|this is|that is|therefore|thus|so|hence|but|however"
    rf"|{_SOURCE}) (?=\S)"
)
_HEAD_CHINESE = re.compile(
    r"^(?:很?抱歉|对不起|對不起|答案是?|最终答案是?"
    r"|根据(?:提供的|给定的|检索到的)?(?:文档|资料|信息|上下文)) ?(?=\S)"
)
_ARTICLES = re.compile(r"\b(?:the|an?) ")


@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """`text` reduced to its words.

    The words are in NFKC and case-folded, without apostrophes and punctuation, without an introduction ("Sorry,", "the
    answer is") or a source ("in the provided passages"), and without articles if at least two words remain ("The
    Unknown" is a film).
    """
    text = _APOSTROPHES.sub("", unicodedata.normalize("NFKC", text)).casefold()
    words = _NOT_WORDS.sub(" ", text).strip()
    while True:
        shorter = _TAIL.sub("", _HEAD.sub("", _HEAD_CHINESE.sub("", words)))
        if shorter == words:
            break
        words = shorter
    bare = _ARTICLES.sub("", words)
    return bare if " " in bare else words


@lru_cache(maxsize=64)
def _table(sentinels: Sentinels) -> tuple[frozenset[str], tuple[str, ...]]:
    openings = sorted({normalise(phrase) for phrase in sentinels.openings} - {""})
    # Chinese is written without spaces, so the next word follows directly.
    begun = tuple(phrase + " " if phrase.isascii() else phrase for phrase in openings)
    whole = frozenset({normalise(phrase) for phrase in sentinels.whole} | set(openings)) - {""}
    return whole, begun


def is_sentinel(text: str, sentinels: Sentinels | Iterable[str] = DEFAULT) -> bool:
    """Whether `text` as a whole says that there is no answer. So do the empty text, and text of "?" or dots only.

    Args:
        text: the answer.
        sentinels: other phrases, as `Sentinels` or as strings, which are whole answers.
    """
    if not isinstance(sentinels, Sentinels):
        sentinels = Sentinels((sentinels,) if isinstance(sentinels, str) else tuple(sentinels))
    if not text.strip(" \t\r\n.?\u2026\uff1f"):
        return True
    if len(text) > _LONGEST:
        return False
    whole, openings = _table(sentinels)
    words = normalise(text)
    if words in whole or words.startswith(openings):
        return True
    return sentinels.sentences and says_nothing(text, lambda clause: normalise(clause) in whole)
