"""Which worker serves an endpoint is data: declared, overridden, renamed, fixed, or missing."""

from __future__ import annotations

import json

import pytest

from handlers.dialects.fal.paths import Target, target_of
from pilotlight.catalogue import discover, with_routes
from pilotlight.contracts.routes import own_id
from pilotlight.errors import SettingsError
from pilotlight.settings import RouteSettings
from tests.contracts.test_media_limits import png, uri
from tests.dialects.stage import submit

KONTEXT = "fal-ai/flux-pro/kontext/text-to-image"
UNROUTED = "fal-ai/hidream-i1-full"
PACKAGES = ("tests.contracts.behind",)


def route(endpoint, worker="lamp", **more):
    return RouteSettings(endpoint=endpoint, worker=worker, **more)


@pytest.mark.parametrize("prefix", ["/run/", "/queue/"])
def test_an_endpoint_without_a_worker_says_how_to_get_one_and_nothing_is_recorded(staged, prefix):
    with staged() as stage, stage.client() as client:
        reply = client.post(prefix + UNROUTED, json={"prompt": "a cat"})

        assert reply.status_code == 404
        assert reply.headers["x-fal-error-type"] == reply.json()["error_type"]
        assert reply.json()["error_type"] == "unrouted_endpoint"
        assert f'endpoint = "{UNROUTED}"' in reply.json()["detail"]
        assert "--routes" in reply.json()["message"]
        assert stage.services.store.list_jobs(limit=1) == []


def test_a_stranger_learns_of_no_endpoint(staged):
    with staged() as stage, stage.client(None) as client:
        for endpoint in (UNROUTED, "no/such"):
            assert client.post(f"/run/{endpoint}", json={"prompt": "a"}).status_code == 401


def test_a_route_renames_and_fixes_and_keeps_the_public_id(staged):
    put = {"endpoint": KONTEXT, "rename": {"guidance_scale": "scale"}, "fixed": {"steps": 7}}
    body = {"prompt": "a cat", "guidance_scale": 2, "steps": 50, "aspect_ratio": "16:9"}
    body["extra"] = {"of": "the worker's own, and in no contract of its callers"}

    with staged(put) as stage, stage.client() as client:
        said = submit(client, KONTEXT, body=body)
        job = stage.job(said["request_id"])

        assert (job.endpoint, job.worker) == (KONTEXT, "pictures")
        assert json.loads(job.input) == {
            "prompt": "a cat", "scale": 2, "steps": 7, "aspect_ratio": "16:9",
        }  # fmt: skip
        assert "/fal-ai/flux-pro/requests/" in said["status_url"]


def test_both_contracts_are_looked_at_before_anything_is_recorded(staged):
    put = {"endpoint": KONTEXT}
    with staged(put) as stage, stage.client() as client:
        theirs = client.post(f"/queue/{KONTEXT}", json={"prompt": "a", "aspect_ratio": "5:1"})
        own = client.post(f"/queue/{KONTEXT}", json={"prompt": "x" * 1001})

        assert theirs.json()["detail"][0]["loc"] == ["body", "aspect_ratio"]
        (problem,) = own.json()["detail"]
        assert own.status_code == 422
        assert (problem["loc"], problem["type"]) == (["body", "prompt"], "string_too_long")
        assert problem["ctx"] == {"max_length": 1000}
        assert stage.services.store.list_jobs(limit=1) == []


def test_an_id_in_no_catalogue_takes_the_workers_contract_in_the_routes_words(staged):
    put = {"endpoint": "fal-ai/fast-sdxl", "rename": {"words": "prompt"}, "fixed": {"steps": 2}}
    with staged(put) as stage, stage.client() as client:
        missing = client.post("/queue/fal-ai/fast-sdxl", json={"prompt": "not its name here"})
        wrong = client.post("/queue/fal-ai/fast-sdxl", json={"words": 5})
        no_object = client.post("/queue/fal-ai/fast-sdxl", json=["words"])
        said = submit(client, "fal-ai/fast-sdxl", body={"words": "a cat"})

        assert missing.json()["detail"][0]["loc"] == ["body", "words"]
        assert missing.json()["detail"][0]["type"] == "missing"
        assert wrong.json()["detail"][0]["loc"] == ["body", "words"]
        assert no_object.status_code == 422
        assert json.loads(stage.job(said["request_id"]).input) == {"prompt": "a cat", "steps": 2}
        schema = stage.services.catalogue.endpoint("fal-ai/fast-sdxl").input_schema()
        assert schema["required"] == ["words"]
        assert "steps" not in schema["properties"]


def test_files_go_through_a_route_and_nobody_elses_file_does(staged):
    edit, vector = "fal-ai/flux-pro/kontext/max", "fal-ai/recraft/v3/text-to-image"
    puts = {"endpoint": edit}, {"endpoint": vector, "rename": {"style_id": "image_url"}}
    picture = uri(png(4, 4), "image/png")

    with staged(*puts) as stage, stage.client() as client:
        plain = submit(client, edit, body={"prompt": "a", "image_url": picture})
        renamed = submit(client, vector, body={"prompt": "a", "style_id": picture})
        stolen = client.post(
            f"/queue/{vector}", json={"prompt": "a", "style_id": "blob:inputs/mallory/1"}
        )

        for said in (plain, renamed):
            image = json.loads(stage.job(said["request_id"]).input)["image_url"]
            assert image.startswith("blob:inputs/alice/")
        (problem,) = stolen.json()["detail"]
        assert (problem["loc"], problem["type"]) == (["body", "style_id"], "file_download_error")


def test_settings_win_over_what_a_worker_declares():
    packages = ("tests.dialects.stock", *PACKAGES)
    found = discover(
        packages, (route("acme/app"), route("fal-ai/kandinsky5/text-to-video", "pictures"))
    )

    assert found.endpoint("acme/app").spec.name == "lamp"
    assert found.endpoint("fal-ai/kandinsky5/text-to-video").spec.name == "pictures"
    assert found.endpoint("acme/app/sub").spec.name == "pictures"


def test_a_worker_serves_the_ids_it_declares_by_the_endpoint_that_fits():
    found = discover(PACKAGES)

    assert found.endpoint("fal-ai/kandinsky5/text-to-video").own.id == "acme/film"
    assert found.endpoint("acme/glow").own.id == "acme/lamp"
    assert {one.id: (one.state, one.route) for one in found.listed() if one.worker} == {
        "acme/film": ("local", "own"),
        "acme/lamp": ("local", "own"),
        "acme/glow": ("local", "worker"),
        "fal-ai/kandinsky5/text-to-video": ("local", "worker"),
    }


def test_a_replica_knows_what_a_routed_job_calls():
    spec = discover(PACKAGES).workers["lamp"].spec
    routed = with_routes(spec, (route("acme/other", target="acme/lamp"), route("x/y", "pictures")))

    assert own_id(routed, "acme/film") == "acme/film"
    assert own_id(routed, "acme/other") == "acme/lamp"
    assert own_id(routed, "fal-ai/kandinsky5/text-to-video") == "acme/film"
    assert own_id(routed, "x/y") == "x/y"


def test_an_endpoint_named_after_its_stream_streams_at_its_own_path():
    own, behind = "acme/app/stream", "fal-ai/flux-krea-lora/stream"
    found = discover(PACKAGES, (route(own, fixed={"text": "x"}), route(behind)))

    assert target_of(behind, found, suffix="stream") == Target(behind, by_suffix=True)
    assert target_of(f"{behind}/stream", found, suffix="stream") == Target(behind, by_suffix=True)
    assert target_of(own, found, suffix="stream") == Target(own, by_suffix=False)
    assert target_of(behind, found) == Target(behind, by_suffix=False)


WRONG = {
    "no such worker": ([route("a/b", "lamb")], "no worker is called 'lamb'"),
    "no such target": ([route("a/b", target="c/d")], "lamp has no endpoint c/d"),
    "two for one": ([route("a/b"), route("a/b")], "two routes for a/b"),
    "no such field": ([route("a/b", rename={"prompt": "txt"})], "the worker takes no 'txt'"),
    "no such fixed field": ([route("a/b", fixed={"stepz": 1})], "the worker takes no 'stepz'"),
    "no such public field": (
        [route(UNROUTED, rename={"promt": "text"})],
        "the endpoint takes no 'promt'",
    ),
    "a fixed value that cannot be": ([route("a/b", fixed={"steps": "many"})], "steps"),
}


@pytest.mark.parametrize(("routes", "said"), WRONG.values(), ids=WRONG)
def test_a_route_that_leads_nowhere_is_refused_at_the_start(routes, said):
    with pytest.raises(SettingsError, match=said):
        discover(PACKAGES, routes)
