"""Question-answering methods: each a plan in a file of its own, with its tools and the values of its paper."""

from .answered import Answered, Attempt
from .recipe import Host, Recipe, load_recipe, recipes

__all__ = ["Answered", "Attempt", "Host", "Recipe", "load_recipe", "recipes"]
