// Security of the HTTP port: TLS with the certificate of the gRPC port, client certificates, and a renewed certificate.

import { copyFileSync, readFileSync } from "node:fs";
import { get } from "node:https";
import { connect, type PeerCertificate } from "node:tls";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createHttpServer, type HttpServer } from "../../server/http/http-server.js";
import { fixedRepository } from "../../server/inference/repository/fixed-repository.js";
import { openServerTls, type ServerTls } from "../../server/tls.js";
import { type Certificates, createCertificates } from "./certificates.js";

let certificates: Certificates;
const open: { server: HttpServer; tls: ServerTls }[] = [];

test.before(async () => {
  certificates = createCertificates();
  const ca = await certificates.createAuthority("ca");
  await certificates.issue("server", ca, ["localhost", "127.0.0.1"]);
  await certificates.issue("renewed", ca, ["localhost", "127.0.0.1"]);
  await certificates.issue("client", ca, ["client"]);
});
test.after(async () => {
  for (const { server, tls } of open) {
    await server.drain(100);
    tls.close();
  }
  certificates.remove();
});

const pem = (name: string) => readFileSync(certificates.file(name));

async function serve(clientCa?: string): Promise<{ address: string; said: string[] }> {
  const said: string[] = [];
  for (const ending of ["pem", "key"])
    copyFileSync(certificates.file(`server.${ending}`), certificates.file(`current.${ending}`));
  const files = {
    cert: certificates.file("current.pem"),
    key: certificates.file("current.key"),
    ...(clientCa && { clientCa: certificates.file(clientCa) }),
  };
  const tls = openServerTls(files, (text) => said.push(text), 20);
  const server = await createHttpServer({
    listen: "127.0.0.1:0",
    repository: fixedRepository([]),
    version: "1.2.3",
    isReady: () => true,
    maxMessageBytes: 1000,
    tls: tls.https,
  });
  open.push({ server, tls });
  return { address: server.address, said };
}

/** The status of GET /v2/health/live, or the code of the error instead. */
function live(address: string, options: object = {}): Promise<number | string> {
  return new Promise((resolve) => {
    get(`${address}/v2/health/live`, { ca: pem("ca.pem"), agent: false, ...options }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

function certificateOf(address: string): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const { hostname: host, port } = new URL(address);
    const socket = connect({ host, port: Number(port), ca: pem("ca.pem") }, () => {
      resolve(socket.getPeerCertificate());
      socket.end();
    });
    socket.on("error", reject);
  });
}

test("HTTPS answers callers that trust the CA, and nobody in plain text", async () => {
  const { address } = await serve();
  assert.match(address, /^https:/);
  assert.is(await live(address), 200);
  assert.match(String(await live(address, { ca: [] })), /UNABLE_TO_VERIFY|SELF_SIGNED/);
  const plain = await fetch(`${address.replace("https", "http")}/v2`).catch(() => "refused");
  assert.is(plain, "refused");
});

test("with a CA for clients, only callers with its certificate are answered", async () => {
  const { address } = await serve("ca.pem");
  assert.is(await live(address, { cert: pem("client.pem"), key: pem("client.key") }), 200);
  assert.type(await live(address), "string");
});

test("a renewed certificate is used for new connections without a restart", async () => {
  const { address, said } = await serve();
  const before = await certificateOf(address);
  for (const ending of ["key", "pem"])
    copyFileSync(certificates.file(`renewed.${ending}`), certificates.file(`current.${ending}`));
  for (let waits = 0; waits < 200 && !said.some((text) => /is used/.test(text)); waits++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const after = await certificateOf(address);
  assert.not.equal(after.serialNumber, before.serialNumber);
});

test.run();
