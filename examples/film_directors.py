# question: Which of the films Casablanca, Psycho, La Strada and Jaws has the director who was born first?
# A bridge, film to director to date of birth, for each film: four independent chains, which run at the same time.
import re

films = ["Casablanca", "Psycho", "La Strada", "Jaws"]
births = {}
for film in films:
    director = answer(f"Who directed {film}?", retrieve(f"{film} film directed by"))
    born = answer(f"When was {director} born?", retrieve(f"{director} film director born"))
    year = re.search(r"\b(1[89]\d\d)\b", born)
    if year:
        births[film] = int(year.group(1))
    print(f"{film}: {director}, {born}")

final_answer = min(births, key=births.get)
