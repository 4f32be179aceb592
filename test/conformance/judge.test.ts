// Judge: a row of a manifest and what decoding its file gave.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { judge } from "./judge.js";

/** A baseline header of 8,500 × 8,146 pixels, below the default limit, and nothing behind it. */
const HEADER = Uint8Array.from([
  ...[0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 8146 >> 8, 8146 & 255, 8500 >> 8, 8500 & 255, 1, 1, 0x11, 0],
]);

test("a file above 64 megapixels is to be refused for its size, whatever the default limit", async () => {
  const module = await createImageModule(nodeHost());
  const row = { file: "made.jpg", bytes: HEADER.length, width: 8500, height: 8146 } as const;
  assert.equal(judge(module, { ...row, status: "large" }, HEADER), { passed: true, got: "jpeg/too-large" });
  const { passed, got } = judge(module, { ...row, status: "ok" }, HEADER);
  assert.is(passed, false);
  assert.not.equal(got, "jpeg/too-large");
});

test.run();
