// Drives the real client and prints one JSON object: what each call came back with.
// usage: node story.mjs proxy|fetch BASE_URL KEY
import { fal } from "@fal-ai/client";

const [way, base, key] = process.argv.slice(2);
const HOSTS = { "fal.run": "/run", "queue.fal.run": "/queue", "rest.fal.ai": "/rest", "v3.fal.media": "/cdn" };

function toUs(url, init) {
  const to = new URL(url);
  const prefix = HOSTS[to.host];
  return fetch(prefix ? `${base}${prefix}${to.pathname}${to.search}` : url, init);
}

fal.config(
  way === "proxy"
    ? { credentials: key, proxyUrl: { url: `${base}/api/fal/proxy`, when: "always" } }
    : { credentials: key, fetch: toUs },
);

const ECHO = "pilotlight/echo";
const told = {};

told.run = await fal.run(ECHO, { input: { text: "run" } });

const updates = [];
told.subscribe = await fal.subscribe(ECHO, {
  input: { text: "sub", sleep_s: 0.3 },
  logs: true,
  pollInterval: 50,
  onQueueUpdate: (update) => updates.push(update.status),
});
told.updates = updates;

const streamed = [];
told.streamed = await fal.subscribe(ECHO, {
  input: { text: "streamed", sleep_s: 0.3 },
  mode: "streaming",
  logs: true,
  onQueueUpdate: (update) => streamed.push(update.status),
});
told.streamedUpdates = streamed;

const { request_id: requestId } = await fal.queue.submit(ECHO, { input: { text: "queue" }, priority: "low" });
told.status = await fal.queue.subscribeToStatus(ECHO, { requestId, logs: true, pollInterval: 50 });
told.result = await fal.queue.result(ECHO, { requestId });

const long = await fal.queue.submit(ECHO, { input: { text: "long", sleep_s: 600 } });
await fal.queue.cancel(ECHO, { requestId: long.request_id });
told.cancelled = await fal.queue.status(ECHO, { requestId: long.request_id, logs: false });
told.cancelledResult = await fal.queue.result(ECHO, { requestId: long.request_id }).catch((error) => error.status);

told.invalid = await fal.queue
  .submit(ECHO, { input: { text: 5 } })
  .catch((error) => ({ name: error.name, status: error.status, fields: error.fieldErrors.map((f) => f.loc) }));

const stream = await fal.stream("pilotlight/shapes", { input: { prompt: "a green cross on white" } });
let events = 0;
for await (const _event of stream) events += 1;
told.events = events;
told.picture = (await stream.done()).images[0];

const url = await fal.storage.upload(new Blob(["some text"], { type: "text/plain" }), { lifecycle: { expiresIn: "1d" } });
told.upload = await (await fetch(url)).text();

const size = Number(process.env.BIG_MIB ?? 0) * 1024 * 1024;
if (size) {
  const big = await fal.storage.upload(new Blob([new Uint8Array(size).fill(7)], { type: "application/x-big" }));
  const head = await fetch(big, { method: "HEAD" });
  told.big = Number(head.headers.get("content-length"));
}

const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const blob = new Blob([Buffer.from(pixel, "base64")], { type: "image/png" });
told.measured = (await fal.run("tests/measure-picture", { input: { image_url: blob } })).data;

const { request_id: followed } = await fal.queue.submit(ECHO, { input: { text: "followed", sleep_s: 0.3 } });
const words = [];
for await (const one of await fal.queue.streamStatus(ECHO, { requestId: followed, logs: true })) words.push(one.status);
told.lastWord = words.at(-1);

if (way === "fetch") {
  // No configuration of the client reaches its socket.
  const Socket = globalThis.WebSocket;
  globalThis.WebSocket = class extends Socket {
    constructor(url) {
      super(url.replace("wss://fal.run", `${base}/run`).replace("http:", "ws:"));
    }
  };
  const live = (app, input) => new Promise((resolve) => {
    const done = (answer) => { connection.close(); resolve(answer); };
    const connection = fal.realtime.connect(app, {
      throttleInterval: 0,
      onResult: done,
      onError: (error) => done({ message: error.message, status: error.status }),
    });
    connection.send(input);
  });
  told.live = await live(ECHO, { text: "live" });
  told.liveWrong = await live(ECHO, { text: 5 });
  told.liveUnknown = await live("nobody/nothing", {});
  const followed = await fal.subscribe(ECHO, {
    input: { text: "direct", sleep_s: 0.3 }, mode: "streaming", connectionMode: "client",
  });
  told.directly = followed.data;
  const direct = await fal.stream("pilotlight/shapes", { input: { prompt: "a red star" }, connectionMode: "client" });
  told.direct = Object.keys(await direct.done());
}

console.log(JSON.stringify(told));
process.exit(0);
