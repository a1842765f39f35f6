// Drives npm's openai, unmodified, and prints one JSON object: what each call came back with.
// usage: node openai.mjs BASE_URL KEY
import OpenAI, { toFile } from "openai";

const [base, key] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
const model = "tests/parrot";
const messages = [{ role: "user", content: "red green blue" }];
const told = {};

const chat = await client.chat.completions.create({ model, messages });
told.chat = { text: chat.choices[0].message.content, total: chat.usage.total_tokens };

const stream = await client.chat.completions.create({
  model, messages, stream: true, stream_options: { include_usage: true },
});
told.streamed = "";
for await (const chunk of stream) {
  told.streamed += chunk.choices[0]?.delta?.content ?? "";
  if (chunk.usage) told.usage = chunk.usage.completion_tokens;
}

const tools = [{ type: "function", function: { name: "paint", parameters: { type: "object" } } }];
const runner = client.chat.completions.stream({
  model, messages: [{ role: "user", content: "please paint" }], tools,
});
told.tool = (await runner.finalChatCompletion()).choices[0].message.tool_calls[0].function;

told.response = (await client.responses.create({ model, input: "red green" })).output_text;
const events = client.responses.stream({ model, input: "please paint", tools: [{ ...tools[0].function, type: "function" }] });
told.responseCall = (await events.finalResponse()).output[0].name;

told.completion = (await client.completions.create({ model, prompt: "a b" })).choices[0].text;
const points = await client.embeddings.create({ model: "tests/embed", input: ["a"], dimensions: 4 });
told.embedding = points.data[0].embedding;
told.flagged = (await client.moderations.create({ model: "tests/censor", input: "you fool" })).results[0].flagged;

const speech = await client.audio.speech.create({
  model: "tests/whistle", voice: "tin", input: "one two", response_format: "wav",
});
const sound = Buffer.from(await speech.arrayBuffer());
told.speech = { type: speech.headers.get("content-type"), bytes: sound.length };
const file = await toFile(sound, "a.wav");
told.heard = (await client.audio.transcriptions.create({ model: "tests/listener", file })).text;
told.srt = await client.audio.transcriptions.create({ model: "tests/listener", file, response_format: "srt" });

const made = await client.images.generate({
  model: "tests/painter", prompt: "a lamp", size: "16x16", response_format: "b64_json",
});
const picture = Buffer.from(made.data[0].b64_json, "base64");
const edited = await client.images.edit({
  model: "tests/painter/edit", prompt: "turn", image: await toFile(picture, "a.png", { type: "image/png" }),
});
told.edited = (await fetch(edited.data[0].url)).headers.get("content-type");

const lines = await client.files.create({ file: await toFile(Buffer.from("{}\n"), "lines.jsonl"), purpose: "batch" });
told.file = await (await client.files.content(lines.id)).text();
told.listed = [];
for await (const one of client.files.list({ limit: 1 })) told.listed.push(one.id === lines.id);
told.deleted = (await client.files.delete(lines.id)).deleted;

told.models = [];
for await (const one of client.models.list()) if (one.id.startsWith("tests/p")) told.models.push(one.id);
told.model = (await client.models.retrieve(model)).task;

const later = await client.chat.completions.create({ model, messages, async: true });
told.later = later.status;
let state = later;
while (["queued", "in_progress"].includes(state.status)) state = await client.get(`/requests/${later.id}`);
told.ended = (await client.get(`/requests/${later.id}/response`)).choices[0].message.content;

const wrong = (call) => call.then(() => "no error", ({ constructor, status, code, param, requestID }) =>
  ({ name: constructor.name, status, code, param, known: Boolean(requestID) }));
told.unknown = await wrong(client.chat.completions.create({ model: "nobody/nothing", messages }));
told.bad = await wrong(client.chat.completions.create({ model, messages, temperature: 9 }));
told.stranger = await wrong(client.withOptions({ apiKey: "sk-nobody" }).models.list());

console.log(JSON.stringify(told));
process.exit(0);
