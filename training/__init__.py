"""Recipes that make the weights shipped with this project; never imported at run time."""
