// Dashboard server: who may look at runs and command them, and that no reader, however slow or many, costs more than its
// place.

import { once } from "node:events";
import { type ClientRequest, get, type IncomingMessage, request } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RunEvent } from "../../proto/dashboard.js";
import type { DashboardServer } from "../../server/dashboard/dashboard-server.js";
import { type FakeObservedRun, fakeDashboard } from "./fake-observed-run.js";

const test = suite<{ run: FakeObservedRun; server: DashboardServer }>("dashboard server");

test.before(async (context) => {
  Object.assign(context, await fakeDashboard());
});

test.after(({ server }) => server.close());

interface Answer {
  status: number | undefined;
  text: string;
  headers: IncomingMessage["headers"];
}

/** fetch() sets Host and Origin itself, and normalizes the path. */
function call(
  address: string,
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<Answer> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve, reject) => {
    const body = method === "POST" ? "{}" : "";
    const type = method === "POST" ? { "content-type": "application/json" } : {};
    request({ hostname, port, path, method, headers: { ...type, ...headers } }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode, text, headers: response.headers }));
    })
      .on("error", reject)
      .end(body);
  });
}

/** Resolves with a stream of events that is read. */
async function listen(
  address: string,
): Promise<{ call: ClientRequest; events: RunEvent[]; closed: Promise<unknown> }> {
  const sent = get(`${address}/api/runs/fake/events`).on("error", () => {});
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const events: RunEvent[] = [];
  let rest = "";
  response.on("data", (chunk) => {
    const parts = `${rest}${chunk}`.split("\n\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const data = /^data: (.+)$/m.exec(part)?.[1];
      if (data) events.push(JSON.parse(data));
    }
  });
  response.on("error", () => {});
  return { call: sent, events, closed: new Promise((resolve) => response.once("close", resolve)) };
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1000 && !isTrue(); tries++) await delay(10);
  assert.ok(isTrue());
}

test("the page, the list, a run and a picture are served with the page's headers and are not kept", async ({
  server: { address },
}) => {
  assert.is((await call(address, "/")).text, "the page");
  assert.is((await call(address, "/?run=fake")).text, "the page");
  const list = await call(address, "/api/runs");
  assert.is(JSON.parse(list.text)[0].id, "fake");
  assert.equal([list.headers["x-own"], list.headers["cache-control"]], ["yes", "no-store"]);
  assert.is(JSON.parse((await call(address, "/api/runs/fake")).text).step, 3);
  const picture = await call(address, "/api/runs/fake/batch/1/2");
  assert.is(picture.headers["content-type"], "image/jpeg");
  const stream = await listen(address);
  assert.is(stream.events.length, 0);
  stream.call.destroy();
});

for (const path of [
  "/../package.json",
  "/%2e%2e/%2e%2e/package.json",
  "/api/runs/..%2f..%2fetc%2fpasswd",
  "/api/runs/other",
  "/api/runs/fake/batch/1/3",
  "/api/runs/fake/batch/../../state.json",
  "/api/runs/fake/batch/1/-1",
  "/api/runs/fake/batch/99999999999999999999/0",
  "/api/runs/fake/other/1/2",
  "/api/nothing",
  `/api/runs/${"a".repeat(2000)}`,
])
  test(`GET ${path.slice(0, 60)} finds nothing`, async ({ server }) => {
    const { status, text } = await call(server.address, path);
    assert.ok(status === 404 || status === 400, `${status} ${text}`);
    assert.match(text, /protocol\/(not-found|malformed)/);
  });

for (const command of ["pause", "resume", "save", "stop"])
  test(`${command} reaches the run by POST alone`, async ({ run, server: { address } }) => {
    const path = `/api/runs/fake/${command}`;
    assert.is((await call(address, path)).status, 404);
    const { status, text } = await call(address, path, {}, "POST");
    assert.equal([status, JSON.parse(text)], [200, { done: `did ${command}` }]);
    assert.is(run.commands.at(-1), command);
  });

/** As a form of another page or a bare curl sends them: with no body there is nothing whose type is looked at. */
for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "", undefined])
  test(`a command of the type ${type ?? "that is left out"}, without a body, is refused`, async ({
    run,
    server,
  }) => {
    const before = run.commands.length;
    for (const path of ["/api/runs/fake/stop", "/api/session"]) {
      const headers = type === undefined ? {} : { "content-type": type };
      const sent = request(server.address + path, { method: "POST", headers }).end();
      const [response] = (await once(sent, "response")) as [IncomingMessage];
      const text = (await response.toArray()).join("");
      assert.is(response.statusCode, 415, text);
      assert.match(text, /protocol\/media-type.*allowed: application\/json/);
    }
    assert.is(run.commands.length, before);
  });

test("a command's type may name a character set", async ({ run, server: { address } }) => {
  const type = { "content-type": "application/json; charset=utf-8" };
  assert.is((await call(address, "/api/runs/fake/save", type, "POST")).status, 200);
  assert.is(run.commands.at(-1), "save");
});

for (const [who, headers] of [
  ["a page of another origin", { origin: "http://evil.example" }],
  ["a page of another port", { origin: "http://127.0.0.1:1" }],
  ["a page without an origin", { origin: "null" }],
  ["a name that DNS gives this address", { host: "evil.example" }],
  ["such a name's own page", { host: "evil.example", origin: "http://evil.example" }],
  ["a script of another site", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }],
] as [string, Record<string, string>][])
  test(`${who} may neither look nor command`, async ({ run, server: { address } }) => {
    const before = run.commands.length;
    for (const [method, path] of [
      ["GET", "/api/runs"],
      ["GET", "/api/runs/fake/events"],
      ["POST", "/api/runs/fake/stop"],
    ] as const) {
      const { status, text } = await call(address, path, headers, method);
      assert.is(status, 403);
      assert.match(text, /network\/forbidden/);
    }
    assert.is(run.commands.length, before);
  });

test("a link from another site opens the page", async ({ server: { address } }) => {
  const headers = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
  assert.is((await call(address, "/", headers)).text, "the page");
});

test("a form's body, and one that is too large, are refused", async ({ server: { address }, run }) => {
  const before = run.commands.length;
  const form = { "content-type": "application/x-www-form-urlencoded" };
  assert.is((await call(address, "/api/runs/fake/stop", form, "POST")).status, 415);
  const large = await fetch(`${address}/api/runs/fake/stop`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text: "x".repeat(100_000) }),
  });
  assert.is(large.status, 413);
  assert.is(run.commands.length, before);
});

test("reachable from elsewhere, everything but the page asks for the token of the link", async () => {
  const { run, server } = await fakeDashboard("0.0.0.0:0");
  try {
    const address = server.address.replace("0.0.0.0", "127.0.0.1");
    const token = /#token=(.+)$/.exec(server.link)?.[1] as string;
    assert.is((await call(address, "/")).text, "the page");
    for (const wrong of [{}, { authorization: "Bearer wrong" }, { cookie: "vitrine-dashboard=wrong" }]) {
      assert.is((await call(address, "/api/runs", wrong as Record<string, string>)).status, 401);
      const stop = await call(address, "/api/runs/fake/stop", wrong as Record<string, string>, "POST");
      assert.is(stop.status, 401);
    }
    assert.equal(run.commands, []);
    assert.is((await call(address, "/api/runs", { authorization: `Bearer ${token}` })).status, 200);
    const post = (body: object) =>
      fetch(`${address}/api/session`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    assert.is((await post({ token: "wrong" })).status, 401);
    const cookie = (await post({ token })).headers.get("set-cookie") ?? "";
    assert.match(cookie, /HttpOnly; SameSite=Strict/);
    const signedIn = { cookie: cookie.split(";")[0] as string };
    assert.is((await call(address, "/api/runs", signedIn)).status, 200);
    const foreign = { ...signedIn, origin: "http://evil.example" };
    assert.is((await call(address, "/api/runs/fake/stop", foreign, "POST")).status, 403);
  } finally {
    await server.close();
  }
});

test("events reach a reader in order, and nobody listens to the run when the last reader is gone", async ({
  run,
  server: { address },
}) => {
  await until(() => run.listeners === 0);
  const stream = await listen(address);
  for (const line of ["a", "b", "c"]) run.send({ type: "line", line });
  await until(() => stream.events.length === 3);
  assert.equal(
    stream.events.map((event) => event.type === "line" && event.line),
    ["a", "b", "c"],
  );
  stream.call.destroy();
  await until(() => run.listeners === 0);
});

/** Asks for events and never reads. */
async function silentReader(address: string): Promise<Socket> {
  const { hostname, port } = new URL(address);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.on("error", () => {});
  socket.write(`GET /api/runs/fake/events HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
  // The answer has begun; none of it is taken.
  await once(socket, "readable");
  return socket;
}

test("200 readers that never read keep neither memory nor another reader's events", async () => {
  const { run, server } = await fakeDashboard("127.0.0.1:0", { maxStreams: 20, stallMs: 300, aliveMs: 50 });
  const silent: Socket[] = [];
  try {
    for (let i = 0; i < 200; i++) silent.push(await silentReader(server.address));
    await until(() => run.listeners === 20 && server.viewers() === 20);
    const reader = await listen(server.address);
    const line = "x".repeat(64 * 1024);
    const before = process.memoryUsage();
    // 20 readers that do not read would keep 640 MB of these.
    for (let i = 0; i < 500; i++) {
      run.send({ type: "line", line });
      await delay(1);
    }
    const { rss } = process.memoryUsage();
    assert.ok(rss - before.rss < 200e6, `${Math.round((rss - before.rss) / 1e6)} MB more`);
    await until(() => server.viewers() === 1);
    const count = reader.events.length;
    run.send({ type: "line", line: "last" });
    await until(() => reader.events.length > count);
    reader.call.destroy();
  } finally {
    for (const socket of silent) socket.destroy();
    await server.close();
  }
});

test("a reader that reads again after a pause is told to ask for the whole", async () => {
  const { run, server } = await fakeDashboard();
  try {
    const sent = get(`${server.address}/api/runs/fake/events`).on("error", () => {});
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    response.on("error", () => {});
    response.pause();
    const line = "x".repeat(1 << 20);
    for (let i = 0; i < 40; i++) {
      run.send({ type: "line", line });
      await delay(2);
    }
    let text = "";
    response.on("data", (chunk) => {
      text = `${text}${chunk}`.slice(-1000);
    });
    response.resume();
    await until(() => text.includes('{"type":"reload"}'));
    sent.destroy();
  } finally {
    await server.close();
  }
});

test("closing ends every stream and waits for no reader", async () => {
  const { server } = await fakeDashboard();
  const reader = await listen(server.address);
  const silent = await silentReader(server.address);
  await server.close();
  await reader.closed;
  silent.destroy();
});

test.run();
