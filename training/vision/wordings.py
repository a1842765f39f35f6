"""How questions are put: the ways that are learnt, and others to be examined with."""

from typing import NamedTuple

SYNONYMS = {
    "circle": ["circle", "circle", "circle", "disc", "disk", "ball", "dot"],
    "square": ["square", "square", "square", "box", "rectangle"],
    "triangle": ["triangle"],
    "ring": ["ring", "ring", "ring", "donut", "hoop"],
    "cross": ["cross", "cross", "cross", "plus"],
    "star": ["star"],
}
"""Other names of the shapes; an answer uses the first."""


class Wording(NamedTuple):
    colour: list[str]
    shape: list[str]
    where: list[str]
    how_many: list[str]
    is_there: list[str]
    background: list[str]
    describe: list[str]
    strange: list[str]


USUAL = Wording(
    colour=[
        "what colour is {it}", "what colour is {it}", "which colour is {it}",
        "what is the colour of {it}", "what colour does {it} have", "tell me the colour of {it}",
        "{it} has what colour", "colour of {it}", "name the colour of {it}",
        "what colour has {it} in the picture", "what colour is {it} in this image",
        "say which colour {it} is", "describe the colour of {it}", "what colour would you say {it} is",
    ],
    shape=[
        "what shape is {it}", "what shape is {it}", "which shape is {it}", "what is {it}",
        "what is the shape of {it}", "what shape does {it} have", "tell me the shape of {it}",
        "what kind of shape is {it}", "what form has {it}", "shape of {it}",
        "name the shape of {it}", "what shape is {it} in this picture", "say which shape {it} is",
        "what sort of figure is {it}", "is {it} a circle or a square",
    ],
    where=[
        "where is {it}", "where is {it}", "where in the picture is {it}", "where can i find {it}",
        "where do you see {it}", "what is the position of {it}", "tell me where {it} is",
        "in which part of the image is {it}", "location of {it}", "where is {it} placed",
        "where is {it} in this picture", "which corner or side is {it} in", "find {it}",
    ],
    how_many=[
        "how many {them} are there", "how many {them} are there", "how many {them} do you see",
        "how many {them}", "count the {them}", "what is the number of {them}",
        "how many {them} are in the picture", "how many {them} can you see in this image",
        "tell me how many {them} there are", "number of {them}", "how many {them} does it show",
    ],
    is_there=[
        "is there {a}", "is there {a} in the picture", "do you see {a}", "can you see {a}",
        "does the image show {a}", "is {a} in this picture", "does it have {a}",
        "does the picture contain {a}", "tell me if there is {a}",
    ],
    background=[
        "what colour is the background", "which colour is the background",
        "what is the background colour", "background colour", "what is the colour of the background",
        "what colour is behind it", "what colour is the picture behind the shapes",
        "on what colour is it drawn", "tell me the colour of the background",
        "what is the background",
    ],
    describe=[
        "what is in this picture", "what is in this image", "what do you see", "describe the picture",
        "describe this image", "what does the picture show", "what is shown", "what can you see",
        "which shapes are there", "what shapes do you see", "which colours are there",
        "what is in the image", "caption this", "tell me what you see", "what is this",
        "what shapes are in the picture", "write a caption", "describe what is here",
    ],
    strange=[
        "what is the capital of france", "who are you", "tell me a story", "what time is it",
        "how old is he", "write a poem", "hello", "hi there", "who painted this",
        "why is the sky so", "what does the text say", "read the text", "is she happy",
        "what breed is the dog", "how much does it cost", "translate this", "which language is it",
        "what is two plus two", "when was it made", "how are you", "thank you", "who is this person",
        "what year is it", "give me a recipe", "how do i cook rice", "what is your name",
    ],
)  # fmt: skip

EXAM = Wording(
    colour=["please say what the colour of {it} is", "{it} , which colour is that",
            "i would like to know the colour of {it}"],
    shape=["i would like to know what shape {it} has", "{it} , what shape is that",
           "can you name the shape of {it}"],
    where=["i would like to know where {it} is", "in what place is {it}", "can you find {it}"],
    how_many=["can you count the {them}", "i would like to know how many {them} there are",
              "how many {them} are shown here"],
    is_there=["can you find {a}", "is there {a} anywhere", "i would like to know if there is {a}"],
    background=["which colour does the background have", "can you name the background colour"],
    describe=["please describe what you see here", "what can you see in this picture",
              "tell me what the image shows"],
    strange=["who is the president", "what is the capital of spain", "sing a song"],
)  # fmt: skip
"""None of these is among the usual ones."""

OPENINGS = ["please", "hey", "tell me", "can you say", "look at this", "so", "ok", "question",
            "could you tell me", "in this picture", "in the image", "quick question"]  # fmt: skip
ENDINGS = ["please", "here", "in this picture", "in the image", "thanks", "exactly", "do you think",
           "answer in one word", "answer briefly", "now"]  # fmt: skip
