"""How the weights of `pilotlight/image-to-video` are made and scored; see README.md beside this."""
