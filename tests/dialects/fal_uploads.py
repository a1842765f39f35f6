"""What a client of fal's storage does before it sends bytes."""

from __future__ import annotations

import json

HOUR = json.dumps({"expiration_duration_seconds": 3600})


def cdn_token(client):
    reply = client.post("/rest/storage/auth/token?storage_type=fal-cdn-v3", json={})
    assert reply.status_code == 200, reply.text
    return reply.json()


def bearer(token, **more):
    return {"authorization": f"{token['token_type']} {token['token']}", **more}


def initiate(client, kind="initiate", headers=None, **body):
    body = {"file_name": "cat.png", "content_type": "image/png"} | body
    reply = client.post(
        f"/rest/storage/upload/{kind}?storage_type=fal-cdn-v3", json=body, headers=headers
    )
    assert reply.status_code == 200, reply.text
    return reply.json()
