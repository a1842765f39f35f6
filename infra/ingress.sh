#!/bin/sh
# What the Lambda Web Adapter starts, and a container too: the ingress as a web server.
exec python3 -m handlers.ingress
