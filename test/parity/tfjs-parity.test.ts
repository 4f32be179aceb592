// tfjs parity: a forward pass, losses, gradients and RegNetY on tfjs's plain backend equal PyTorch's.

import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { CaseGroup } from "./case.js";
import { openFixtureFolder } from "./fixture-folder.js";
import { forwardCases } from "./forward-cases.js";
import { gradientCases } from "./gradient-cases.js";
import { regnetyCases } from "./regnety-cases.js";

/** Compiled to dist/test/parity/; fixtures stay with the sources. */
const FIXTURES = fileURLToPath(new URL("../../../test/fixtures/micro", import.meta.url));

const GROUPS: Readonly<Record<string, [group: CaseGroup, least: number]>> = {
  "every tensor of a forward pass": [forwardCases, 16],
  "losses and gradients": [gradientCases, 80],
  "RegNetY's feature maps, gradients and statistics": [regnetyCases, 60],
};

for (const [what, [group, least]] of Object.entries(GROUPS))
  test(`tfjs:cpu: ${what}`, async () => {
    let cases = 0;
    for await (const { name, ok, maxAbsError, tolerance } of group(openFixtureFolder(FIXTURES, "tfjs:cpu"))) {
      assert.ok(ok, `${name}: error ${maxAbsError}, allowed ${tolerance}`);
      cases += 1;
    }
    assert.ok(cases >= least, `${cases} cases`);
  });

test.run();
