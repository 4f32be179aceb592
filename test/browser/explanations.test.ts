// Explanations: heads, attention, embedding and occlusion in the page are those of the same model in Node.

import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { classScores, softmax } from "../../runtime/inference/logits.js";
import { loadModel, type Model } from "../../runtime/load-model.js";
import { meanColor } from "../../runtime/models/config.js";
import type { Runtime } from "../../runtime/runtime.js";
import { makeTinyModel, TINY, TINY_LABELS, wavesJpeg } from "../inference/tiny-model.js";
import { assertClose } from "../nn/compare.js";
import { findChromium } from "./chromium.js";
import { type LibraryPage, openLibraryPage } from "./library-page.js";

const tiny = makeTinyModel();
const JPEG = wavesJpeg(1);
const SIZE = TINY.imageSize;
const GRID = SIZE / TINY.patchSize;
const TOLERANCE = 1e-4;
let opened: LibraryPage;
let runtime: Runtime;
let model: Model;

/** The page's answer, its arrays as lists. */
const explain = (base64: string) =>
  opened.page.evaluate(async (base64) => {
    const picture = window.bytesOf(base64);
    const wanted = { heads: true, attention: true, embeddings: true, topK: 2, occlusion: { steps: 4 } };
    const { heads, attention, embedding, occlusion, logits, classes } = await window.classifier.classify(
      picture,
      wanted,
    );
    const plain = await window.classifier.classify(picture);
    return {
      logits: [...logits],
      classes,
      heads: {
        class: { ...heads!.class, logits: [...heads!.class.logits] },
        distillation: { ...heads!.distillation!, logits: [...heads!.distillation!.logits] },
      },
      attention: { ...attention!, rollout: [...attention!.rollout], maps: [...attention!.maps] },
      embedding: [...embedding!],
      occlusion: { ...occlusion!, drops: [...occlusion!.drops] },
      plain: Object.keys(plain),
    };
  }, base64);

/** The input with a rectangle, in its own pixels, in the color of the mean. */
function hide(pixels: Uint8Array, left: number, top: number, right: number, bottom: number): Uint8Array {
  const hidden = Uint8Array.from(pixels);
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++) hidden.set(meanColor(TINY.mean), (y * SIZE + x) * 3);
  return hidden;
}

function registerTests(executable: string): void {
  test.before(async () => {
    opened = await openLibraryPage({ executable, site: dirname(tiny.folder) });
    await opened.page.evaluate(async () => {
      window.classifier = await window.library.createClassifier({ model: "tiny" });
    });
    runtime = await createRuntime({ host: nodeHost() });
    model = await loadModel(runtime, nodeModelSource(tiny.folder), { batchSizes: [1] });
  });
  test.after(async () => {
    await opened?.close();
    model?.dispose();
    await runtime?.dispose();
    tiny.remove();
  });

  test("heads, attention and embedding equal Node's, and are absent unless asked for", async () => {
    const page = await explain(JPEG.toString("base64"));
    const pixels = await model.readPicture(JPEG);
    const here = await (await model.submit(pixels, 1, { attention: true, embeddings: true })).outcome;
    assertClose(page.heads.class.logits, here.classLogits, TOLERANCE, "class");
    assertClose(page.heads.distillation.logits, here.distillationLogits!, TOLERANCE, "distillation");
    assert.equal(
      page.heads.class.classes.map(({ label }) => label),
      classScores(here.classLogits, TINY_LABELS, 2).map(({ label }) => label),
    );
    assertClose(page.embedding, here.embeddings!, TOLERANCE, "embedding");
    assertClose(page.attention.rollout, here.attention!.values, TOLERANCE, "rollout");
    const { depth, heads, tokens, grid } = page.attention;
    assert.equal([depth, heads, tokens, grid], [TINY.depth, TINY.heads, ["class", "distillation"], GRID]);
    assert.is(page.attention.maps.length, TINY.depth * TINY.heads * 2 * GRID * GRID);
    assertClose(page.attention.maps, here.attention!.rows!.values, TOLERANCE, "maps");
    assert.equal(page.plain.sort(), ["classes", "crop", "input", "logits", "milliseconds", "picture"]);
  });

  test("occlusion hides each part in turn, with the color of the mean", async () => {
    const { occlusion, classes } = await explain(JPEG.toString("base64"));
    const pixels = await model.readPicture(JPEG);
    const { index } = classes[0]!;
    assert.equal([occlusion.index, occlusion.steps], [index, 4]);
    const probability = async (input: Uint8Array) =>
      softmax((await model.logits(input, 1)).logits)[index] as number;
    const whole = await probability(pixels);
    const side = SIZE / 4;
    for (let place = 0; place < 16; place++) {
      const [left, top] = [(place % 4) * side, Math.floor(place / 4) * side];
      const without = await probability(hide(pixels, left, top, left + side, top + side));
      assert.ok(
        Math.abs((occlusion.drops[place] as number) - (whole - without)) < TOLERANCE,
        `part ${place}`,
      );
    }
    assert.ok(new Set(occlusion.drops.map((drop) => drop.toFixed(6))).size > 8);
  });

  test("parts of the picture that are hidden are in its own pixels, whatever the crop", async () => {
    // 60 × 44 becomes 49 × 36, of which columns 8 to 40 are shown: column 29 of the picture is 15.7 of the input.
    const areas = [{ x: 0, y: 0, width: 29, height: 44 }];
    const logits = await opened.page.evaluate(
      async ([base64, areas]) => {
        const { logits } = await window.classifier.classify(window.bytesOf(base64), { without: areas });
        return [...logits];
      },
      [JPEG.toString("base64"), areas] as const,
    );
    const hidden = hide(await model.readPicture(JPEG), 0, 0, SIZE / 2, SIZE);
    assertClose(logits, (await model.logits(hidden, 1)).logits, TOLERANCE, "left half");
  });

  test("of a model with a border, the input is an area that the picture fills in part", async () => {
    const folder = join(dirname(tiny.folder), "border");
    cpSync(tiny.folder, folder, { recursive: true });
    const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
    const changed = { ...config, crop_mode: "border", crop_pct: 1 };
    writeFileSync(join(folder, "config.json"), JSON.stringify(changed));
    const areas = await opened.page.evaluate(async (base64) => {
      const { library, bytesOf, classifier } = window;
      const bordered = await library.createClassifier({ model: "border" });
      const [there, here] = [
        await bordered.classify(bytesOf(base64)),
        await classifier.classify(bytesOf(base64)),
      ];
      bordered.dispose();
      return {
        there: { crop: there.crop, input: there.input },
        here: { crop: here.crop, input: here.input },
      };
    }, JPEG.toString("base64"));
    const { crop, input } = areas.there;
    assert.equal(crop, { x: 0, y: 0, width: 60, height: 44 });
    // 60 × 44 becomes 32 × 23, below a border of 4 rows.
    const row = 44 / 23;
    assertClose([input.x, input.y, input.width, input.height], [0, -4 * row, 60, 32 * row], 1e-9, "input");
    assert.equal(areas.here.input, areas.here.crop, "without a border the input is the crop");
  });

  test("an option that classify does not have is refused by its name, with those that it has", async () => {
    const refusals = await opened.page.evaluate((base64) => {
      const { classifier, refusal, bytesOf } = window;
      const options = [{ tpoK: 3 }, { occlusion: { step: 3 } }] as object[];
      return Promise.all(options.map((wanted) => refusal(classifier.classify(bytesOf(base64), wanted))));
    }, JPEG.toString("base64"));
    assert.equal(refusals, [
      [
        "usage/bad-option",
        'classify has no option "tpoK"; allowed: topK, heads, attention, embeddings, without, occlusion, signal',
      ],
      ["usage/bad-option", 'occlusion has no option "step"; allowed: index, steps'],
    ]);
  });

  test("what cannot be asked for is refused by its name", async () => {
    const refusals = await opened.page.evaluate(async (base64) => {
      const { classifier, refusal, bytesOf } = window;
      const options = [
        { topK: 0.5 },
        { occlusion: { steps: 99 } },
        { occlusion: { index: 5 } },
        { without: [{ x: 0, y: 0, width: Number.NaN, height: 1 }] },
      ];
      return Promise.all(options.map((wanted) => refusal(classifier.classify(bytesOf(base64), wanted))));
    }, JPEG.toString("base64"));
    assert.equal(
      refusals.map(([code]) => code),
      Array.from(refusals, () => "usage/number"),
    );
    assert.match(refusals[1]![1], /occlusion\.steps got 99; allowed: a whole number, 1 to 32/);
    assert.match(refusals[2]![1], /occlusion\.index got 5; allowed: a whole number, 0 to 4/);
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else {
  console.log("skipped: needs chromium");
  tiny.remove();
}
