# question: Who is older, Jed Hoyer or John William Henry II?
hoyer_docs = retrieve("Jed Hoyer date of birth")
hoyer_born = answer("When was Jed Hoyer born?", hoyer_docs)

henry_docs = retrieve("John William Henry II date of birth")
henry_born = answer("When was John William Henry II born?", henry_docs)

final_answer = answer(
    f"Given: Jed Hoyer was born on {hoyer_born}. John William Henry II was born on {henry_born}. "
    "Answer the question: Who is older, Jed Hoyer or John William Henry II?"
)
