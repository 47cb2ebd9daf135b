"""Question-answering methods. Each is a plan in its own file, with its tools and the parameters of its paper."""

from .answered import Answered, Attempt
from .recipe import Host, Recipe, load_recipe, recipes

__all__ = ["Answered", "Attempt", "Host", "Recipe", "load_recipe", "recipes"]
