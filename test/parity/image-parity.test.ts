// Image parity: every image case of the project's own fixtures is exact.

import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { CaseGroup } from "./case.js";
import { openFixtureFolder } from "./fixture-folder.js";
import { resizeCases } from "./image-cases.js";
import {
  cutmixBoxCases,
  dropPathRateCases,
  mixTargetCases,
  repeatedSamplerCases,
} from "./image-draw-cases.js";
import { mixU8Cases } from "./image-mix-cases.js";
import { operationCases, operationChainCases } from "./image-operation-cases.js";

/** Compiled to dist/test/parity/; fixtures stay with the sources. */
const FIXTURES = fileURLToPath(new URL("../../../test/fixtures/micro", import.meta.url));

async function expectEqual(group: CaseGroup, least: number): Promise<void> {
  let count = 0;
  for await (const outcome of group(openFixtureFolder(FIXTURES, "wasm"))) {
    assert.ok(outcome.ok, JSON.stringify(outcome));
    count++;
  }
  assert.ok(count >= least, `${count} cases, at least ${least} should be there`);
}

test("resize equals Pillow's with every filter", () => expectEqual(resizeCases, 48));
test("mixing and erasing of bytes, boxes, λ and targets are exact", () => expectEqual(mixU8Cases, 60));
test("targets of timm's Mixup in all modes", () => expectEqual(mixTargetCases, 6));
test("CutMix boxes and their λ", () => expectEqual(cutmixBoxCases, 24));
test("drop rates", () => expectEqual(dropPathRateCases, 5));
test("RASampler's ranks", () => expectEqual(repeatedSamplerCases, 16));
test("RandAugment's operations equal Pillow's", () => expectEqual(operationCases, 62));
test("chains of two operations equal Pillow's", () => expectEqual(operationChainCases, 12));

test.run();
