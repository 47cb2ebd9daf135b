"""Tools with pydantic models: what a plan may ask, checked and converted both ways.

    python tools.py
"""

from typing import Literal

from pydantic import BaseModel, Field

import pyrag_dsl as pd


class Film(BaseModel):
    title: str
    year: int = Field(ge=1880)
    minutes: int


FILMS = [
    Film(title="Alien", year=1979, minutes=117),
    Film(title="Blade Runner", year=1982, minutes=117),
    Film(title="Gladiator", year=2000, minutes=155),
]


def films(director: str, order: Literal["old", "new"] = "old") -> list[Film]:
    """The films of a director."""
    return FILMS if order == "old" else FILMS[::-1]


def longer(than: Film) -> list[Film]:
    """The films that are longer than this one."""
    return [film for film in FILMS if film.minutes > than.minutes]


PLAN = """
first = films("Ridley Scott")[0]
found = longer(first)
final_answer = [film["title"] for film in found if film["year"] > first["year"]]
"""

if __name__ == "__main__":
    print(pd.tool(films).signature)
    print(pd.run(PLAN, tools=[films, longer]).final_answer)
    try:
        pd.run('final_answer = films("Ridley Scott", order="longest")', tools=[films])
    except pd.PlanError as error:
        print(error)
