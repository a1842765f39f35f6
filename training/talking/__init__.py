"""How the weights of `pilotlight/speech-to-video` are made and scored; see README.md beside this file."""
