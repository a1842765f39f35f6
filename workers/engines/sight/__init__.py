"""What is in a picture: things, answers, instructions, what is unfit."""
