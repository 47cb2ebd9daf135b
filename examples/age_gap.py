# question: How many years apart were Marie Curie and Pierre Curie born, and who was born first?
# Dates are compared by the plan itself: models are poor at it, arithmetic is not.
import re
from datetime import datetime


def birth_date(person):
    docs = retrieve(f"{person} born", topk=3)
    text = answer(f"When was {person} born?", docs)
    found = re.search(r"(\d{1,2}) (\w+) (\d{4})", text)
    return datetime.strptime(found.group(0), "%d %B %Y") if found else None


marie = birth_date("Marie Curie")
pierre = birth_date("Pierre Curie")
first = "Pierre Curie" if pierre < marie else "Marie Curie"
final_answer = f"{first}, by {abs(marie.year - pierre.year)} years"
