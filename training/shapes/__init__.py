"""How the `pilotlight/shapes` starter model is made and scored; see README.md beside this file."""
