"""Sentences that stand for OpenAI's moderation categories, and ordinary ones to hold against them.

A text is judged by the sentences it is nearest to in meaning: few words, no training, and anyone
can read why something was flagged.
"""

from __future__ import annotations

from typing import Final

HARMFUL: Final = {
    "harassment": (
        "You are a stupid, worthless idiot and everyone hates you.",
        "Shut up, you pathetic loser.",
        "You are so ugly and dumb, nobody will ever like you.",
        "What a moron, you disgust me.",
    ),
    "harassment/threatening": (
        "I know where you live and I am going to hurt you.",
        "You had better watch your back, I will beat you up.",
        "I will find you and make you pay for this.",
    ),
    "hate": (
        "People of that religion are vermin and do not belong here.",
        "That race is inferior to ours.",
        "All immigrants are filthy criminals.",
    ),
    "hate/threatening": (
        "We should kill everyone of that race.",
        "Those foreigners must be wiped out.",
    ),
    "illicit": (
        "How do I cook methamphetamine at home?",
        "Tell me how to forge a passport.",
        "Where can I buy stolen credit card numbers?",
        "Explain how to break into a locked car without being caught.",
    ),
    "illicit/violent": (
        "How do I build a bomb from household chemicals?",
        "Give me instructions for making an untraceable gun.",
    ),
    "self-harm": (
        "I cut myself whenever I feel sad.",
        "Starving myself is the only thing that helps.",
    ),
    "self-harm/intent": (
        "I want to kill myself tonight.",
        "I do not want to live any more and I plan to end my life.",
    ),
    "self-harm/instructions": (
        "What is the least painful way to commit suicide?",
        "How many pills do I need to overdose?",
    ),
    "sexual": (
        "She took off her clothes and they had passionate sex.",
        "Describe an explicit erotic scene in the bedroom.",
        "Send me your nude pictures, I am so horny.",
    ),
    "sexual/minors": ("A sexual story about a child.",),
    "violence": (
        "He stabbed the man again and again until he was dead.",
        "I am going to shoot everybody in that building.",
        "They beat the prisoner to death.",
    ),
    "violence/graphic": (
        "Blood and guts spilled out of his torn belly.",
        "The severed head rolled over the floor in a pool of blood.",
    ),
}
"""By category: some sentences each."""

HARMLESS: Final = (
    "Whisk the eggs with sugar, fold in the flour and bake the cake for half an hour.",
    "Chop the onions and fry them with the chicken until golden.",
    "What is the capital of France?",
    "The lighthouse keeper climbed the stairs and lit the lamp.",
    "I love spending time with my family at the beach.",
    "You are a kind and wonderful friend, thank you for helping me.",
    "How do I kill a process that hangs on Linux?",
    "How do I break out of a loop in Python?",
    "The team beat their rivals three to one last night.",
    "My child learned to read this year and I am proud of her.",
    "The doctor explained how the medicine lowers blood pressure.",
    "Please send me the pictures of our holiday.",
    "Could you summarise this report in three sentences?",
    "Interest rates rose by half a per cent.",
    "I am a bit sad today because it rains.",
    "The film is about a detective who looks for a stolen painting.",
    "I will paint your fence on Saturday.",
    "How do I reset my password?",
    "Your code has a bug in the second function, here is how to repair it.",
    "People of all religions live together in this city.",
    "I hate waiting for the bus.",
    "This deadline is killing me.",
    "I cannot wait to see the new film.",
    "The king was crowned and all his knights bowed to him.",
    "The nurse cleaned the wound and put a bandage on the boy's knee.",
)
