"""How the weights of `pilotlight/upscale` are made and scored; see README.md beside this file."""
