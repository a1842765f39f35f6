"""Closed models: their jobs are done by somebody who has them, with the owner's own key.

::

    relays.py    the two kinds of workers
    ticket.py    what is known of the request upstream, kept with the job
    refusals.py  what an upstream says went wrong -> our errors
    inputs.py    files of the input -> what the upstream can read
    outputs.py   files of the result -> files of this attempt
    errand.py    ask once, whatever dies on the way
    outlasting.py wait for an answer, but no longer than the job lives
    following.py what is taken at once and finished later: followed, let go
    fal_queue.py an upstream that speaks fal's queue
    openai.py    an upstream that speaks OpenAI's API; forms.py: with a file;
                 chat_stream.py: heard as it comes

An attempt asks once. It notes that it is about to, asks, and notes the id that it got, before it
waits: whoever goes on with the job after a death finds the request and follows it. Between the
upstream's yes and our note lies one answer on the wire and one write. Where the upstream honours
``Idempotency-Key`` nothing can happen there; where it does not, an attempt that died in between
is not repeated unless the owner says so (``unsure``).
"""
