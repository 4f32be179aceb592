// Security of the ranks of a run: TLS, client certificates and tokens on every connection, and what each failure of them
// is called.

import { writeFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { JoinOptions } from "../../client/node/collective/contract.js";
import type { ServerSecurity } from "../../server/security.js";
import { errorOf } from "../collective/error-of.js";
import { createRanks, type Ranks } from "../collective/ranks.js";
import { type Certificates, createCertificates } from "./certificates.js";

interface Context {
  certificates: Certificates;
  ranks: Ranks[];
}

const test = suite<Context>("security of the ranks of a run");

test.before(async (context) => {
  const certificates = createCertificates();
  context.certificates = certificates;
  context.ranks = [];
  const ca = await certificates.createAuthority("ca");
  const otherCa = await certificates.createAuthority("other-ca");
  await certificates.issue("rank", ca, ["localhost", "127.0.0.1"]);
  await certificates.issue("stranger", otherCa, ["127.0.0.1"]);
  writeFileSync(certificates.file("token"), "0123456789abcdef0123456789abcdef\n");
  writeFileSync(certificates.file("wrong-token"), "1123456789abcdef0123456789abcdef\n");
});
test.after.each(async ({ ranks }) => {
  for (const run of ranks.splice(0)) await run.close();
});
test.after(({ certificates }) => certificates.remove());

/** A rank's side as server and as client, both with its own certificate and the token. */
function secured({ file }: Certificates): { server: ServerSecurity; client: Partial<JoinOptions> } {
  const [cert, key, ca, tokenFile] = ["rank.pem", "rank.key", "ca.pem", "token"].map(file);
  return {
    server: { tls: { cert, key, clientCa: ca }, tokenFile },
    client: { tlsCa: ca, tlsCert: cert, tlsKey: key, tokenFile },
  };
}

test("ranks with certificates and a token form a group, sum, and copy state", async ({
  certificates,
  ranks,
}) => {
  const { server, client } = secured(certificates);
  const run = createRanks(3, client);
  ranks.push(run);
  for (let i = 0; i < 3; i++) await run.join({}, server);
  const formed = await run.form([5, -1, -1]);
  const totals = await Promise.all(
    formed.map(async ({ group }) => (await group.sumScalars([Float64Array.of(group.rank)]))[0]),
  );
  assert.equal(totals, [3, 3, 3]);
  run.members[0].serveState(async () => [{ name: "a", bytes: Uint8Array.of(1, 2) }]);
  assert.equal([...(await run.members[2].fetchState(0))], [["a", Uint8Array.of(1, 2)]]);
});

type Change = (certificates: Certificates) => Partial<JoinOptions>;

const REFUSED: Record<string, [change: Change, codes: string, says: RegExp]> = {
  "no token": [() => ({ tokenFile: undefined }), "network/unauthenticated", /asks for a token/],
  "a wrong token": [
    ({ file }) => ({ tokenFile: file("wrong-token") }),
    "network/unauthenticated",
    /does not accept the token/,
  ],
  "no certificate": [
    () => ({ tlsCert: undefined, tlsKey: undefined }),
    // Whether the alert arrives before the connection is closed is a race of the network.
    "collective/timeout|network/tls",
    /asks? for a client certificate: give --tls-cert and --tls-key/,
  ],
  "a certificate of another CA": [
    ({ file }) => ({ tlsCert: file("stranger.pem"), tlsKey: file("stranger.key") }),
    "collective/timeout|network/tls",
    /accept this client's certificate/,
  ],
  "trust in another CA": [({ file }) => ({ tlsCa: file("other-ca.pem") }), "network/tls", /not from a CA/],
  "no TLS": [
    () => ({ tlsCa: undefined, tlsCert: undefined, tlsKey: undefined }),
    "network/tls",
    /speaks TLS: connect with --tls/,
  ],
};

for (const [name, [change, codes, says]] of Object.entries(REFUSED))
  test(`a rank with ${name} is refused, with the reason`, async ({ certificates, ranks }) => {
    const { server, client } = secured(certificates);
    const run = createRanks(2, client);
    ranks.push(run);
    await run.join({}, server);
    const error = await errorOf(run.join({ ...change(certificates), waitSeconds: 0.5 }, server));
    assert.ok(codes.split("|").includes(error.code), `${error.code}: ${error.message}`);
    assert.match(error.message, says);
  });

test("a rank that anyone on the network could join says so", async ({ certificates, ranks }) => {
  const { server, client } = secured(certificates);
  const run = createRanks(2);
  ranks.push(run);
  await run.join({ listen: "0.0.0.0:0" });
  assert.match(
    run.lines.join("\n"),
    /warning: 0\.0\.0\.0:\d+ is reachable .*: anyone who can reach it can join the run/,
  );
  const closed = createRanks(2, client);
  ranks.push(closed);
  await closed.join({ listen: "0.0.0.0:0" }, server);
  assert.equal(closed.lines, []);
});

test("a token does not go over the network in plain text", async ({ certificates, ranks }) => {
  const run = createRanks(2);
  ranks.push(run);
  const tokenFile = certificates.file("token");
  const error = await errorOf(run.join({ listen: ":0" }, { tokenFile }));
  assert.is(error.code, "usage/tls");
  assert.match(error.message, /in plain text/);
});

test.run();
