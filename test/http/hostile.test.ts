// Hostile HTTP: what an attacker sends is refused with an error of ours, costs what it weighs, and stops nobody else.

import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { bodyStream } from "../../server/http/body.js";
import { colorModel } from "../inference/color-model.js";
import { MAX_MESSAGE_BYTES, type RestServer, startRest, watchCalls } from "./rest-server.js";

let rest: RestServer;
test.before(async () => {
  rest = await startRest({
    limits: { headersTimeoutMs: 1000, requestTimeoutMs: 2000, maxConnections: 40 },
  });
});
test.after(() => rest.close());

const post = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  rest.call(path, { method: "POST", body: body as BodyInit, headers });
const infer = (body: string | Buffer, headers?: Record<string, string>) =>
  post("/v2/models/colors/infer", body, headers);

const INPUT = '{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["abc"]}';
const binary = (header: string, raw: string) =>
  [
    Buffer.from(header + raw, "latin1"),
    { "inference-header-content-length": String(Buffer.byteLength(header)) },
  ] as const;
const input = (fields: string) => `{"inputs": [{"name": "image", "datatype": "BYTES", ${fields}}]}`;

const BODIES: [claim: string, send: () => ReturnType<typeof infer>, refusal: RegExp][] = [
  ["no body", () => infer(""), /protocol\/malformed: .*cannot be read/],
  ["not JSON", () => infer("hello"), /cannot be read/],
  ["a list", () => infer("[]"), /protocol\/invalid-argument: .*must be object/],
  ["an unknown key", () => infer('{"inputs": [], "input": 1}'), /\("input"\)/],
  ["no input", () => infer('{"inputs": []}'), /protocol\/tensor: 0 inputs/],
  ["500,000 open brackets", () => infer("[".repeat(500_000)), /nests more than 16/],
  ["500,000 open brackets as data", () => infer(`{"inputs":[{"data":${"[".repeat(500_000)}`), /nests more/],
  ["a million spaces", () => infer(" ".repeat(1_000_000)), /more than 262144 bytes besides/],
  [
    "many elements",
    () => infer(input(`"shape": [1e9], "data": [${'"",'.repeat(300_000)}""]`)),
    /allowed in one request: 1 to 8 images/,
  ],
  [
    "a huge shape",
    () => infer(input('"shape": [9007199254740991], "data": ["a"]')),
    /allowed in one request/,
  ],
  ["a negative axis", () => infer(input('"shape": [-1], "data": ["a"]')), /must be >= 0/],
  ["a fractional axis", () => infer(input('"shape": [1.5], "data": ["a"]')), /must be integer/],
  [
    "100,000 axes",
    () => infer(input(`"shape": [${"1,".repeat(100_000)}1], "data": ["a"]`)),
    /more than 8 items/,
  ],
  [
    "an element too few",
    () => infer(input('"shape": [2], "data": ["abc"]')),
    /has 1 elements; shape \[2\] says 2/,
  ],
  [
    "the same output 20,000 times",
    () =>
      infer(`{"inputs": [${INPUT}], "outputs": [${'{"name":"logits"},'.repeat(9_000)}{"name":"logits"}]}`),
    /named twice/,
  ],
  [
    "an unknown parameter",
    () => infer(`{"inputs": [${INPUT}], "parameters": {"speed": 1}}`),
    /protocol\/parameter: unknown parameter "speed"/,
  ],
  [
    "a parameter that is an object",
    () => infer(`{"inputs": [${INPUT}], "parameters": {"timeout": {}}}`),
    /must be string,number,boolean/,
  ],
  [
    "shared memory",
    () => infer(input('"shape": [1], "parameters": {"shared_memory_region": "r"}, "data": ["a"]')),
    /protocol\/unimplemented/,
  ],
  [
    "a header longer than the body",
    () => infer("{}", { "inference-header-content-length": "3" }),
    /allowed: 0 to the 2 bytes/,
  ],
  [
    "a header that is no number",
    () => infer("{}", { "inference-header-content-length": "0x2" }),
    /Content-Length is "0x2"/,
  ],
  [
    "binary data of another size",
    () => infer(...binary(input('"shape": [1], "parameters": {"binary_data_size": 8}'), "abc")),
    /is 8; the body has 3 bytes left/,
  ],
  [
    "binary data that is left over",
    () => infer(...binary(input('"shape": [1], "parameters": {"binary_data_size": 7}'), "\x03\0\0\0abcd")),
    /1 bytes follow after/,
  ],
  [
    "a negative size",
    () => infer(...binary(input('"shape": [1], "parameters": {"binary_data_size": -1}'), "")),
    /binary_data_size is -1/,
  ],
  [
    "JSON and binary data at once",
    () => infer(...binary(input('"shape": [1], "data": ["a"], "parameters": {"binary_data_size": 0}'), "")),
    /allowed: one of them/,
  ],
  ["no data", () => infer(input('"shape": [1]')), /no data; allowed/],
  [
    "an element longer than the data",
    () => infer(...binary(input('"shape": [1], "parameters": {"binary_data_size": 5}'), "\xff\xff\xff\x7fa")),
    /is truncated/,
  ],
  [
    "a wrong flag",
    () => infer(`{"inputs": [${INPUT}], "parameters": {"binary_data_output": 1}}`),
    /binary_data_output" is 1; allowed: true, false/,
  ],
  ["damaged gzip", () => infer("hello", { "content-encoding": "gzip" }), /not valid gzip data/],
  [
    "half of a gzip file",
    () => infer(gzipSync(Buffer.alloc(1000, INPUT)).subarray(0, 30), { "content-encoding": "gzip" }),
    /not valid gzip data: unexpected end/,
  ],
  [
    "a body that is too large",
    () => infer(Buffer.alloc(MAX_MESSAGE_BYTES + 1)),
    /protocol\/message-size: .*more than 1,048,576 bytes/,
  ],
  [
    "multipart without a boundary",
    () => post("/v2/models/colors/classify", "x", { "content-type": "multipart/form-data" }),
    /protocol\/malformed: .*Boundary not found/,
  ],
  [
    "multipart with a boundary of 5,000 characters",
    () =>
      post("/v2/models/colors/classify", "x", {
        "content-type": `multipart/form-data; boundary=${"b".repeat(5000)}`,
      }),
    /protocol\/malformed/,
  ],
  [
    "multipart that ends in a file",
    () =>
      post(
        "/v2/models/colors/classify",
        '--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nabc',
        { "content-type": "multipart/form-data; boundary=b" },
      ),
    /protocol\/malformed: .*multipart/,
  ],
  [
    "multipart without parts",
    () =>
      post("/v2/models/colors/classify", "--b--\r\n", { "content-type": "multipart/form-data; boundary=b" }),
    /has no picture/,
  ],
  [
    "multipart with a part that has no disposition",
    () =>
      post(
        "/v2/models/colors/classify",
        '--b\r\nContent-Disposition: form-data; name="f"\r\n\r\nabc\r\n--b\r\nX: y\r\n\r\nabc\r\n--b--\r\n',
        { "content-type": "multipart/form-data; boundary=b" },
      ),
    /protocol\/malformed: .*1 of 2 parts have no header "Content-Disposition: form-data"/,
  ],
  ["a path that is not UTF-8", () => rest.call("/v2/models/%ff"), /protocol\/(malformed|not-found)/],
  [
    "a model's name of 9,000 bytes",
    () => rest.call(`/v2/models/${encodeURIComponent("€".repeat(1000))}`),
    /protocol\/malformed: the request cannot be read/,
  ],
];

for (const [claim, send, refusal] of BODIES) {
  test(`refused: ${claim}`, async () => {
    const { status, json } = await send();
    assert.ok(status >= 400 && status <= 501 && status !== 500, `${status} ${json?.error}`);
    assert.match(json.error, refusal, json.error);
    assert.ok(json.error.length < 1000);
  });
}

test("a bomb in gzip is refused at the limit, and not expanded any further", async () => {
  // Longer than what streams read ahead, 64 KiB since Node 22.
  const bomb = Buffer.concat(Array<Buffer>(8).fill(gzipSync(Buffer.alloc(1 << 26), { level: 9 })));
  const refused = await infer(bomb, { "content-encoding": "gzip" });
  assert.is(refused.status, 413);
  assert.match(refused.json.error, /expanded from gzip, has more than 1,048,576 bytes/);
  let read = 0;
  const source = new Readable({
    read() {
      this.push(read < bomb.length ? bomb.subarray(read, read + 256) : null);
      read += 256;
    },
  });
  const body = bodyStream(source, { encoding: "gzip", limit: 1 << 20, take: () => {} });
  body.resume();
  const [error] = await once(body, "error");
  assert.is(error.code, "protocol/message-size");
  const until = read;
  await delay(100);
  assert.is(read, until);
  assert.ok(read < bomb.length, `${read} of ${bomb.length} bytes were expanded`);
});

test("bodies of many requests at once are bounded; refused ones are told to come back, and all memory is given back", async () => {
  const { calls, arrived } = watchCalls(2);
  const small = await startRest({ calls, maxMessageBytes: 1000 }, colorModel(200), 20);
  const send = () => small.call("/v2/models/colors/classify", { method: "POST", body: new Uint8Array(900) });
  const path = "/v2/models/colors:pixels/infer";
  const raw = { "inference-header-content-length": "0" };
  const body = new Uint8Array(48 * 20);
  const slow = [1, 2].map(() => small.call(path, { method: "POST", body: body.slice(), headers: raw }));
  await arrived;
  const refused = await send();
  assert.equal([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  assert.match(refused.json.error, /network\/queue-full: requests of 1,920 bytes are in progress/);
  await Promise.all(slow);
  // Refused for what it is, not for what is held.
  assert.match((await send()).json.error, /not-jpeg/);
  await small.close();
});

/** Sends bytes over a connection of their own; resolves to what came back until it was closed. */
function raw(send: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(rest.url).port), "127.0.0.1", () => send(socket));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
    setTimeout(() => reject(new Error("the connection is still open")), 10_000).unref();
  });
}

test("bytes that are not HTTP, and headers that are too large, get an error as JSON", async () => {
  const noise = await raw((socket) => socket.write("\x16\x03\x01 hello\r\n\r\n"));
  assert.match(noise, /^HTTP\/1\.1 400 .*\{"error":"protocol\/malformed: .*not valid HTTP/s);
  const large = await raw((socket) =>
    socket.write(`GET /v2 HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(20_000)}\r\n\r\n`),
  );
  assert.match(large, /^HTTP\/1\.1 431 /);
});

test("headers and bodies that trickle in are cut off in time, and others are served meanwhile", async () => {
  const trickle = (start: string) =>
    raw((socket) => {
      socket.write(start);
      const timer = setInterval(() => socket.write("a"), 50);
      socket.on("close", () => clearInterval(timer));
    });
  const slow = [
    trickle("GET /v2 HTTP/1.1\r\nHost: localhost\r\nX: "),
    trickle("POST /v2/models/colors/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"),
  ];
  assert.is((await infer(`{"inputs": [${INPUT}]}`)).status, 200);
  for (const text of await Promise.all(slow)) assert.match(text, /^HTTP\/1\.1 408 .*did not arrive in time/s);
});

test("connections beyond the limit are closed; those within it are served", async () => {
  const sockets = Array.from({ length: 100 }, () => connect(Number(new URL(rest.url).port), "127.0.0.1"));
  for (const socket of sockets) socket.on("error", () => {});
  const open = () => sockets.filter(({ readyState }) => readyState === "open").length;
  for (let waits = 0; waits < 100 && (waits < 4 || open() > 40); waits++) await delay(50);
  assert.ok(open() <= 40, `${open()} connections`);
  for (const socket of sockets) socket.destroy();
  await delay(50);
  assert.is((await rest.call("/v2")).status, 200);
});

test("a caller that leaves cancels its request, and its place is free", async () => {
  const { calls, arrived, failed } = watchCalls(2);
  const slow = await startRest({ calls }, colorModel(200));
  const leave = new AbortController();
  const path = "/v2/models/colors/classify";
  const first = slow.call(path, { method: "POST", body: "abc" });
  const gone = slow.call(path, { method: "POST", body: "abc", signal: leave.signal }).catch(() => "gone");
  await arrived;
  leave.abort();
  assert.is(await gone, "gone");
  assert.is(await failed, "network/canceled");
  assert.is((await first).status, 200);
  await slow.close();
});

/** Connections of another address, each after an answer, or with a request that never arrives whole. */
async function keepOpen(count: number, request: string): Promise<Socket[]> {
  const port = Number(new URL(rest.url).port);
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.9" });
      socket.on("error", () => {});
      socket.once("connect", () => socket.write(request));
      // Some are closed at once: the limit is lower than their number.
      const settled = ["data", "close"].map((event) => new Promise((resolve) => socket.once(event, resolve)));
      await Promise.race([...settled, delay(300)]);
      return socket;
    }),
  );
}

async function liveOverNewConnection(): Promise<number | undefined> {
  const call = get(`${rest.url}/v2/health/live`, { agent: false });
  const [answer] = (await once(call, "response")) as [IncomingMessage];
  answer.resume();
  return answer.statusCode;
}

for (const [claim, request] of [
  ["are answered and stay", "GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"],
  [
    "never send their body",
    "POST /v2/models/colors/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
  ],
] as const)
  test(`connections that ${claim} take no place from a client elsewhere`, async () => {
    const sockets = await keepOpen(60, request);
    for (let place = 0; place < 3; place++) assert.is(await liveOverNewConnection(), 200);
    for (const socket of sockets) socket.destroy();
  });

test.run();
