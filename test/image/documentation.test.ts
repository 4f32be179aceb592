// The examples in the documentation of `vitrine/image` run as printed.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { jpegOf, syntheticPicture } from "./synthetic-picture.js";

/** Tests run from dist/test/image. */
const DOCS = new URL("../../../docs/", import.meta.url);
const module = await createImageModule(nodeHost());

/** Blocks marked `js`, with package names replaced by the files that they resolve to. */
function examples(page: string): string[] {
  const text = readFileSync(new URL(page, DOCS), "utf8");
  return [...text.matchAll(/^```js\n(.*?)^```/gms)].map(([, block]) =>
    (block as string).replace(
      /from "(vitrine\/\w+)"/g,
      (_, name: string) => `from ${JSON.stringify(import.meta.resolve(name))}`,
    ),
  );
}

const expected: [page: string, outputs: RegExp[]][] = [
  ["image.md", [/^150 110 1x1,1x1,1x1\n\[ 150, 110, 64, 38 \]\n$/, /^PNG 21 13 819\n$/]],
  [
    "augmentation.md",
    [
      /top: \d+.*\[.*\]/s,
      /^320 240 true\njpeg\/not-jpeg no\.jpg: /,
      /kind: '(mixup|cutmix)'.* 40\n$/s,
      /^\{ index: \d+, repeat: 0 \} 15\n$/,
    ],
  ],
];

for (const [page, outputs] of expected)
  test(`docs/${page}: every example runs and prints what it claims`, () => {
    const folder = mkdtempSync(join(tmpdir(), "vitrine-docs-"));
    try {
      writeFileSync(join(folder, "photo.jpg"), jpegOf(syntheticPicture(module.math, 2, 150, 110)));
      copyFileSync(new URL("../test/fixtures/pictures/png_2_8.png", DOCS), join(folder, "photo.png"));
      const blocks = examples(page);
      assert.is(blocks.length, outputs.length, "every example has its expected output here");
      for (const [place, block] of blocks.entries()) {
        const file = join(folder, `example-${place}.mjs`);
        writeFileSync(file, block);
        const { status, stdout, stderr } = spawnSync(process.execPath, [file], {
          cwd: folder,
          encoding: "utf8",
        });
        assert.is(status, 0, stderr);
        assert.match(stdout, outputs[place] as RegExp);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

test.run();
