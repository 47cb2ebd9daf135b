"""Which answers say that there is no answer: whole answers only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrag_dsl.agents.sentinels import CHINESE, DEFAULT, ENGLISH, Sentinels, is_sentinel, normalise

SENTINELS = """
Unknown
unknown.
UNKNOWN!
**Unknown**
"Unknown"
The answer is unknown.
Answer: unknown
It is unknown.
I don't know.
I don\u2019t know
I do not know the answer in the documents
Sorry, I don't know.
I'm sorry, but I cannot answer the question.
I'm sorry, I cannot answer this based on the provided documents.
Not mentioned
Not mentioned in the provided passages.
It is not mentioned in the given context
Not specified in the documents
not found
Not found in the documents.
N/A
n/a
N.A.
None
None.
Not enough information
Not enough information in the documents.
Not enough information in the retrieved passages
There is not enough information to determine who directed the film.
No enough information
Insufficient information
insufficient information to answer the question
Based on the provided documents, there is not enough information.
Cannot answer
Unable to answer
Unable to answer the question.
Unable to answer from the given documents
Cannot be determined
The provided documents do not mention the director.
The passages do not say.
There is no information about her spouse.
?

...
信息不足
信息不足。
抱歉，信息不足
无法根据提供的文档回答该问题
无法回答
无法回答这个问题。
没有足够的信息来回答
未知
答案是未知
不知道
未提及
無法回答
資訊不足
"""

ANSWERS = """
The Unknown Soldier
Unknown Pleasures
The Unknown
Unknown Mortal Orchestra
Not Found in Translation
None of the Above
Nonetheless
Nobody
No
Yes
0
Na
NA 62
The Tomb of the Unknown Warrior
I Don't Know How to Love Him
Information Society
Sorry
The Answer Is You
No Country for Old Men
Lost and Not Found
Johnny Unitas
Unable Danger
未知死亡
无锡
无间道
不知道的事
Context
In the Documents
"""


@pytest.mark.parametrize("text", SENTINELS.strip("\n").split("\n"))
def test_these_say_that_there_is_no_answer(text: str) -> None:
    assert is_sentinel(text)


@pytest.mark.parametrize("text", ANSWERS.strip("\n").split("\n"))
def test_these_are_answers(text: str) -> None:
    assert not is_sentinel(text)


@pytest.mark.parametrize("phrase", DEFAULT.whole + DEFAULT.openings)
def test_every_phrase_of_the_table_is_one(phrase: str) -> None:
    assert is_sentinel(phrase)
    assert is_sentinel(f"  {phrase.upper()}. ")


@pytest.mark.parametrize("phrase", ENGLISH.whole)
@pytest.mark.parametrize("more", ["Soldier", "Pleasures of 1979", "or Paris"])
def test_more_words_make_it_an_answer(phrase: str, more: str) -> None:
    assert not is_sentinel(f"{phrase} {more}") or phrase == "no information"


@pytest.mark.parametrize("phrase", CHINESE.whole)
def test_more_characters_make_it_an_answer(phrase: str) -> None:
    assert not is_sentinel(f"{phrase}死亡")


def test_the_phrases_can_be_replaced() -> None:
    assert is_sentinel("Keine Angabe.", ["keine Angabe"])
    assert not is_sentinel("Unknown", ["keine Angabe"])
    assert is_sentinel("keine angabe", "Keine Angabe")
    assert is_sentinel("Es steht nicht da, leider", Sentinels((), ("es steht nicht",)))
    assert not is_sentinel("Es stehtnicht", Sentinels((), ("es steht nicht",)))
    assert is_sentinel("unknown", Sentinels((*DEFAULT.whole, "keine Angabe")))
    assert not is_sentinel("Paris", [])


@given(st.text(max_size=200))
def test_normalising_is_total_and_settles(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert is_sentinel(text) in (True, False)


@given(st.sampled_from(DEFAULT.whole), st.sampled_from(["", " ", "\n", ".", "!", "**", '"', "  "]))
def test_case_and_punctuation_around_do_not_matter(phrase: str, around: str) -> None:
    assert is_sentinel(around + phrase.title() + around)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz ", min_size=601))
def test_a_page_of_text_is_an_answer(text: str) -> None:
    assert not is_sentinel("not enough information " + text) or not text.strip()


SAID_NATURALLY = """\
The birth date of Jed Hoyer is unknown.
No information available
No information available.
I don't know who wrote the book.
I do not know the answer to this question.
I don't have enough information to answer.
I could not find any information about her.
I couldn't find the director of that film.
We cannot determine the year from the passages.
The answer could not be found in the provided passages.
The director is not mentioned in the documents.
The date is not explicitly stated.
Her place of birth is not specified in the text.
It remains unclear.
There is no mention of the river in the passages.
There is no information on his death.
No relevant information was found.
No relevant passages found
No data
No evidence of a sequel was found
Not enough context to answer
Insufficient context
The passages do not mention who founded it.
None of the documents mention his wife.
The provided text does not say.
The context provided does not contain the answer.
Unfortunately, I cannot find this.
Sorry, I don't know.
I am not sure who that is.
The release year cannot be determined.
The information is not available.
This cannot be determined from the given passages.
I was unable to find the answer.
I have no information about that.
The birth date of X is unknown
No information is available.
I don't know who directed it.
I'm not sure who directed the film.
I am not aware of any such film.
It is unknown who wrote it.
It is not clear when she was born.
It is not known where he died.
It is unclear from the passages who the director is.
Nobody knows who wrote it.
No one knows when he was born.
The answer is not in the passages.
The documents don't provide this information.
The passages don't specify the year.
The passage doesn't say where.
Neither passage mentions her birthplace.
None of the passages mention it.
There isn't any information about that.
There's no mention of his wife.
There are no passages about him.
Unable to determine the director.
Unable to find the answer.
Not able to determine.
It is impossible to say.
It is not possible to determine the answer from the passages.
It's not possible to tell.
Cannot determine the year.
Can't be determined.
Could not be determined from the text.
Could not find an answer.
Cannot find the birth date.
Birth date unknown
Date not specified.
Year of death: unknown
Director: not mentioned
Unknown (not mentioned in the passages)
Unknown - the passages do not say.
Unknown. The passages do not mention it.
Not stated.
Information not available
Information not found
No answer can be given.
No birth date is given.
No director is mentioned in the passages.
Insufficient information to determine the answer
The information provided is insufficient.
The context is insufficient to answer.
I do not have that information.
I don't have access to this information.
I lack the information to answer.
As an AI, I cannot determine this.
His birthplace was not recorded.
The author remains unidentified.
The exact date is not given in Doc [1].
Sorry, there is no information on this.
Not determinable
Undetermined.
This is not specified.
That information isn't available.
The film's director isn't mentioned.
The text does not contain this information.
Nothing is known about her husband.
Not applicable.
Not provided in the given documents
I'm unable to answer based on the passages.
We don't know.
No relevant information
No results found
no such person is mentioned
It doesn't say.
They do not say.
""".splitlines()
TITLES_AND_ANSWERS = """\
The Unknown Soldier
Nobody Knows
Unknown Pleasures
I Don't Know How She Does It
No Country for Old Men
The Truth Is Unknown
None Shall Escape
No Evidence of Disease
The Man Who Knew Too Much
Not Known Yet (film)
The Passage
Documents of the 1916 rising
Paris
The Unknown
Nothing in the Dark
No Way Out
No Data Plan
I Cannot Tell a Lie
I Can't Tell You Why
No. 5
Unclear Waters
The passages of Thomas More
Tomb of the Unknown Warrior
He was known as The Not Known
The Sources of the Nile
I Have No Mouth, and I Must Scream
There Is No Evil
I could not have it: Momo, but by Ende
Isle of Man
What Is Not Mentioned
The author is unknown, but the film was directed by Welles
Information
the Unknown Soldier
the Unfound Door
Nobody Knows the Trouble I've Seen
No One Knows
Nothing Is Known
Not Fade Away
The Unknown University
The Residents (album Not Available)
There Is No Alternative
There's No Business Like Show Business
It's Not Possible
Unable to Love
Nowhere
None but the Lonely Heart
Not Without My Daughter
I Don't Know Who I Am
Unclear Physics
Impossible Princess
yes
no
1949
Nothing
Unidentified Flying Object
Known Unknowns
Doctor No
Document 12
Passage to India
A Passage to India
The Information
Missing
He is not known for his films but for his books
An unknown soldier buried in Paris
the unknown soldier
unknown soldier
The director is Frank Herbert
Lost in Translation
not guilty
No, he was not mentioned in the will
No, it is not known to be poisonous
Yes, the passages say so
The documents of Nag Hammadi
Information theory
The text of the treaty
The passage says Paris
I don't know the answer or Paris
""".splitlines()


@pytest.mark.parametrize("text", SAID_NATURALLY)
def test_a_sentence_that_says_that_nothing_is_known_is_a_sentinel(text: str) -> None:
    assert is_sentinel(text)


@pytest.mark.parametrize("text", TITLES_AND_ANSWERS)
def test_a_title_or_an_answer_is_no_sentinel(text: str) -> None:
    assert not is_sentinel(text)
