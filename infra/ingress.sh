#!/bin/sh
# Lambda starts this in place of its Python runtime, with that runtime's interpreter as the first word.
# What it starts instead speaks to the same Runtime API, and answers in pieces.
cd "${LAMBDA_TASK_ROOT:-.}" || exit 1
exec "$1" -m handlers.lambda_stream
