// Access: tokens by what they allow, and requests a second by client.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createAccess, type Scope } from "../../server/access.js";
import { openBearerToken } from "../../server/bearer-token.js";
import { clientOfAddress, createRateLimit } from "../../server/rate-limit.js";

const INFER = "a-token-for-inference";
const ADMIN = "a-token-for-everything";
const folder = mkdtempSync(join(tmpdir(), "vitrine-access-"));
test.after(() => rmSync(folder, { recursive: true }));

function tokens(name: string, token: string) {
  const file = join(folder, name);
  writeFileSync(file, `${token}\n`);
  return openBearerToken(file, () => {});
}

const infer = tokens("infer", INFER);
const admin = tokens("admin", ADMIN);

function outcome(work: () => void): string {
  try {
    work();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "allowed";
}

const ASKS = "network/unauthenticated";
const FORBIDS = "network/not-allowed";
const SCOPES: readonly Scope[] = ["open", "infer", "admin"];
const ROWS: [
  claim: string,
  rules: { infer: typeof infer | null; admin: typeof admin | null },
  expected: string[][],
][] = [
  [
    "no tokens: everyone may do everything",
    { infer: null, admin: null },
    Array(3).fill(Array(3).fill("allowed")),
  ],
  [
    "tokens for inference alone: nobody loads models",
    { infer, admin: null },
    [
      ["allowed", ASKS, ASKS],
      ["allowed", "allowed", FORBIDS],
      ["allowed", ASKS, ASKS],
    ],
  ],
  [
    "tokens for admin alone: inference is open",
    { infer: null, admin },
    [
      ["allowed", "allowed", ASKS],
      ["allowed", "allowed", ASKS],
      ["allowed", "allowed", "allowed"],
    ],
  ],
  [
    "both: a token for admin is one for inference too",
    { infer, admin },
    [
      ["allowed", ASKS, ASKS],
      ["allowed", "allowed", FORBIDS],
      ["allowed", "allowed", "allowed"],
    ],
  ],
];

for (const [claim, rules, expected] of ROWS) {
  test(claim, () => {
    const access = createAccess({ ...rules, rate: null });
    const headers = [undefined, `Bearer ${INFER}`, `bearer ${ADMIN}`];
    const got = headers.map((header) =>
      SCOPES.map((scope) => outcome(() => access.require(scope, header, "127.0.0.1"))),
    );
    assert.equal(got, expected);
  });
}

test("a client gets a second's worth at once, then as many as the rate, and is told when to come again", () => {
  let now = 0;
  const rate = createRateLimit(4, () => now);
  for (let i = 0; i < 4; i++) rate.take("a");
  rate.take("b");
  try {
    rate.take("a");
    assert.unreachable("nothing was thrown");
  } catch (error) {
    const { code, details } = error as { code: string; details: { retryAfterMs: number } };
    assert.equal([code, details.retryAfterMs], ["network/rate-limited", 250]);
  }
  now += 250;
  rate.take("a");
  assert.is(
    outcome(() => rate.take("a")),
    "network/rate-limited",
  );
  now += 60_000;
  for (let i = 0; i < 4; i++) rate.take("a");
  assert.is(
    outcome(() => rate.take("a")),
    "network/rate-limited",
    "silence saves up one second's worth, not more",
  );
});

test("a rate below one a second allows one request, then waits", () => {
  let now = 0;
  const rate = createRateLimit(0.5, () => now);
  rate.take("a");
  assert.is(
    outcome(() => rate.take("a")),
    "network/rate-limited",
  );
  now += 2_000;
  rate.take("a");
});

test("a client of IPv6 is its network of 64 bits; one of IPv4 its address, however it is written", () => {
  const pairs = [
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:db8::9", "2001:db8:0:0"],
    ["::ffff:10.0.0.7", "10.0.0.7"],
    ["10.0.0.7", "10.0.0.7"],
    ["fe80::1%eth0", "fe80:0:0:0"],
  ];
  for (const [address, client] of pairs) assert.is(clientOfAddress(address!), client);
});

test("the rate is told apart by token where there is one, else by address; health does not count", () => {
  const access = createAccess({ infer: null, admin, rate: createRateLimit(1, () => 0) });
  access.require("infer", undefined, "10.0.0.1");
  access.require("infer", `Bearer ${ADMIN}`, "10.0.0.1");
  access.require("infer", undefined, "10.0.0.2");
  assert.is(
    outcome(() => access.require("infer", undefined, "10.0.0.1")),
    "network/rate-limited",
  );
  access.require("open", undefined, "10.0.0.1");
});

test.run();
