// Security of the data server: TLS, client certificates and tokens, and what each failure of them is called.

import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { pino } from "pino";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ConnectionSecurity, connectData } from "../../client/node/index.js";
import { isVitrineError, type VitrineError } from "../../runtime/errors.js";
import { openBearerToken } from "../../server/bearer-token.js";
import { type DataServer, startDataServer } from "../../server/data/data-server.js";
import { listen } from "../../server/listen.js";
import type { ServerSecurity } from "../../server/security.js";
import { openServerTls } from "../../server/tls.js";
import { SMALL_RECIPE } from "../data/batch-digests.js";
import { createDataSet, type SyntheticDataSet } from "../data/synthetic-data-set.js";
import { type Certificates, createCertificates } from "./certificates.js";

interface Context {
  set: SyntheticDataSet;
  certificates: Certificates;
  servers: DataServer[];
}

const test = suite<Context>("security of the data server");

const TOKEN = "0123456789abcdef0123456789abcdef";

test.before(async (context) => {
  context.set = createDataSet(8);
  const certificates = createCertificates();
  context.certificates = certificates;
  context.servers = [];
  const [ca, otherCa] = [
    await certificates.createAuthority("ca"),
    await certificates.createAuthority("other-ca"),
  ];
  const local = ["localhost", "127.0.0.1"];
  await certificates.issue("server", ca, local);
  await certificates.issue("renewed", ca, local);
  await certificates.issue("expired", ca, local, -1);
  await certificates.issue("elsewhere", ca, ["data.example.org"]);
  await certificates.issue("client", ca, ["client"]);
  await certificates.issue("stranger", otherCa, ["client"]);
  writeFileSync(certificates.file("token"), `${TOKEN}\n`);
  writeFileSync(certificates.file("tokens"), `another-token-of-before\n\n${TOKEN}\n`);
  writeFileSync(certificates.file("wrong-token"), `${TOKEN.slice(1)}0\n`);
});

test.after.each(async (context) => {
  for (const server of context.servers.splice(0)) await server.close();
});

test.after(({ set, certificates }) => {
  set.remove();
  certificates.remove();
});

async function serve(context: Context, security: ServerSecurity, listen = "127.0.0.1:0"): Promise<string> {
  const server = await startDataServer({
    ...{ data: context.set.path, listen, workers: 0, badSamples: "fail", security },
    log: pino({ level: "silent" }),
  });
  context.servers.push(server);
  return server.address;
}

/** The first batch's size, or the error instead of it. */
async function read(
  address: string,
  security: ConnectionSecurity,
  timeoutSeconds = 5,
): Promise<number | VitrineError> {
  try {
    const settings = { recipe: SMALL_RECIPE, batchSize: 4, seed: 1, timeoutSeconds };
    const source = await connectData({ ...settings, address, ...security });
    try {
      for await (const { count } of source.batches({ epoch: 0, batch: 0 })) return count;
      return 0;
    } finally {
      await source.close();
    }
  } catch (error) {
    if (isVitrineError(error)) return error;
    throw error;
  }
}

async function refused(outcome: Promise<number | VitrineError>, code: string, text: RegExp): Promise<void> {
  const error = await outcome;
  assert.ok(isVitrineError(error), `it was not refused: ${error}`);
  assert.is(error.code, code, error.message);
  assert.match(error.message, text);
}

const tlsOf = ({ file }: Certificates, name: string, clientCa?: string) => ({
  tls: {
    cert: file(`${name}.pem`),
    key: file(`${name}.key`),
    ...(clientCa && { clientCa: file(`${clientCa}.pem`) }),
  },
});

test("batches come by TLS from a server whose certificate is of the CA", async (context) => {
  const { certificates } = context;
  const address = await serve(context, tlsOf(certificates, "server"));
  assert.is(await read(address, { tlsCa: certificates.file("ca.pem") }), 4);
  // The certificate has this name, too.
  const port = address.slice(address.lastIndexOf(":"));
  assert.is(await read(`localhost${port}`, { tlsCa: certificates.file("ca.pem") }), 4);
  assert.is(await read(`dns:///localhost${port}`, { tlsCa: certificates.file("ca.pem") }), 4);
});

test("a server that cannot be trusted is refused at once, with the reason", async (context) => {
  const { certificates } = context;
  const ca = { tlsCa: certificates.file("ca.pem") };
  const good = await serve(context, tlsOf(certificates, "server"));
  await refused(
    read(good, { tls: true }),
    "network/tls",
    /not from a CA that this client trusts: .*--tls-ca/,
  );
  await refused(read(good, { tlsCa: certificates.file("other-ca.pem") }), "network/tls", /not from a CA/);
  await refused(read(good, {}), "network/tls", /speaks TLS: connect with --tls/);
  const elsewhere = await serve(context, tlsOf(certificates, "elsewhere"));
  await refused(read(elsewhere, ca), "network/tls", /for other names.*data\.example\.org|for other names/);
  const plain = await serve(context, {});
  await refused(read(plain, ca), "network/tls", /the server does not speak TLS: start it with --tls-cert/);
});

test("a server does not start with a certificate that no client would accept", async (context) => {
  const { certificates } = context;
  const starting = (security: ServerSecurity) =>
    serve(context, security).then(
      () => 0,
      (error: VitrineError) => error,
    );
  await refused(starting(tlsOf(certificates, "expired")), "usage/tls", /expired on 20/);
  const mixed = { cert: certificates.file("server.pem"), key: certificates.file("client.key") };
  await refused(starting({ tls: mixed }), "usage/tls", /not the key of the certificate/);
  const noKey = { cert: certificates.file("server.pem"), key: certificates.file("token") };
  await refused(starting({ tls: noKey }), "usage/tls", /not a private key in PEM form/);
  const noCertificate = { cert: certificates.file("token"), key: certificates.file("server.key") };
  await refused(starting({ tls: noCertificate }), "usage/tls", /not a certificate in PEM form/);
  const missing = { cert: certificates.file("none.pem"), key: certificates.file("server.key") };
  await refused(starting({ tls: missing }), "file/not-found", /none\.pem/);
});

test("a certificate that expired is called so", async ({ certificates }) => {
  const server = new Server();
  const pair = {
    private_key: readFileSync(certificates.file("expired.key")),
    cert_chain: readFileSync(certificates.file("expired.pem")),
  };
  const address = await listen(server, "127.0.0.1:0", ServerCredentials.createSsl(null, [pair]));
  const outcome = read(address, { tlsCa: certificates.file("ca.pem") });
  await refused(outcome, "network/tls", /has expired: renew it/);
  server.forceShutdown();
});

test("clients need a certificate of the CA where the server asks for one", async (context) => {
  const { certificates } = context;
  const address = await serve(context, tlsOf(certificates, "server", "ca"));
  const by = (name: string) => ({
    tlsCa: certificates.file("ca.pem"),
    tlsCert: certificates.file(`${name}.pem`),
    tlsKey: certificates.file(`${name}.key`),
  });
  assert.is(await read(address, by("client")), 4);
  const none = read(address, { tlsCa: certificates.file("ca.pem") });
  await refused(none, "network/tls", /client.* certificate.*--tls-cert/);
  // It closes the connection without a word, as one that is stopping does: a client tries again, and says what it may mean.
  const stranger = read(address, by("stranger"), 1);
  await refused(
    stranger,
    "network/no-data-server",
    /does not accept this client's certificate \(--tls-cert\)/,
  );
  const half = { tlsCa: certificates.file("ca.pem"), tlsCert: certificates.file("client.pem") };
  await refused(read(address, half), "usage/tls", /give both or none/);
});

test("a connection that is closed right after the handshake is tried again", async ({ certificates }) => {
  const connections: TLSSocket[] = [];
  const server = createServer({
    ...{
      cert: readFileSync(certificates.file("server.pem")),
      key: readFileSync(certificates.file("server.key")),
    },
    ALPNProtocols: ["h2"],
  });
  server.on("secureConnection", (socket) => {
    connections.push(socket);
    socket.on("error", () => {});
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const outcome = read(`127.0.0.1:${port}`, { tlsCa: certificates.file("ca.pem") }, 2);
  await refused(
    outcome,
    "network/no-data-server",
    /right after the TLS handshake.*may ask for a client certificate/,
  );
  assert.ok(connections.length > 2, "it was not tried again");
  server.close();
});

test("calls need one of the tokens, and health checks none", async (context) => {
  const { certificates } = context;
  const address = await serve(context, { tokenFile: certificates.file("tokens") });
  assert.is(await read(address, { tokenFile: certificates.file("token") }), 4);
  await refused(read(address, {}), "network/unauthenticated", /asks for a token: .*--token-file/);
  const wrong = read(address, { tokenFile: certificates.file("wrong-token") });
  await refused(wrong, "network/unauthenticated", /does not accept the token/);
});

test("a token never crosses a network in plain text", async (context) => {
  const { certificates } = context;
  const tokenFile = certificates.file("token");
  const starting = serve(context, { tokenFile }, "0.0.0.0:0").then(
    () => 0,
    (error: VitrineError) => error,
  );
  await refused(starting, "usage/tls", /in plain text.*--tls-cert/);
  await refused(read("192.0.2.1:50051", { tokenFile }), "usage/tls", /is not sent to .* without TLS/);
  const address = await serve(context, { tokenFile }, `unix:${certificates.file("socket")}`);
  assert.is(await read(address, { tokenFile }), 4);
});

test("a changed certificate is used for new connections, one that does not fit its key is not", async (context) => {
  const { certificates } = context;
  const { file } = certificates;
  for (const end of ["pem", "key"]) copyFileSync(file(`server.${end}`), file(`live.${end}`));
  const said: string[] = [];
  const tls = openServerTls({ cert: file("live.pem"), key: file("live.key") }, (text) => said.push(text), 5);
  const served: string[] = [];
  // As grpc-js does for each server.
  (
    tls.credentials as unknown as { _addWatcher(watcher: (options: { cert: Buffer[] }) => void): void }
  )._addWatcher(({ cert }) => served.push(String(cert[0])));
  await until(() => served.length === 1);
  copyFileSync(file("renewed.pem"), file("live.pem"));
  await until(() => said.some((text) => /is not used: .*not the key/.test(text)));
  assert.is(served.length, 1);
  copyFileSync(file("renewed.key"), file("live.key"));
  await until(() => said.some((text) => /is used for new connections/.test(text)));
  assert.is(served.at(-1), String(readFileSync(file("renewed.pem"))));
  tls.close();
});

test("a changed token file is used for new calls, an empty one is refused", async ({ certificates }) => {
  const path = certificates.file("live-tokens");
  writeFileSync(path, `${TOKEN}\n`);
  const said: string[] = [];
  const token = openBearerToken(path, (text) => said.push(text), 0);
  const accepts = (text: string) => token.match(`Bearer ${text}`) !== undefined;
  assert.ok(accepts(TOKEN));
  writeFileSync(path, "a-new-token-of-today\n");
  assert.ok(accepts("a-new-token-of-today"));
  assert.not.ok(accepts(TOKEN));
  writeFileSync(path, "");
  assert.throws(() => openBearerToken(path, () => {}), /at least 16/);
  assert.ok(accepts("a-new-token-of-today"));
  rmSync(path);
  assert.not.ok(accepts("a-new-token-of-today"), "a file that is removed revokes its tokens");
  assert.match(said.at(-1) ?? "", /live-tokens"? is gone: no token is accepted/);
  writeFileSync(path, `${TOKEN}\n`);
  assert.ok(accepts(TOKEN));
});

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(condition(), "it never happened");
}

test.run();
