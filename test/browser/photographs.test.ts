// Photographs: a whole folder of pictures, in the page as in Node: inputs byte for byte, logits within 1e-4, and what one
// refuses the other refuses.
//
// VITRINE_PHOTOS names the folder, and VITRINE_WEIGHTS a file of weights; skipped without them. With
// VITRINE_DEVICE=webgpu the page computes on SwiftShader, and the five most probable classes are compared.

import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { classScores } from "../../runtime/inference/logits.js";
import { loadModel } from "../../runtime/load-model.js";
import { inputTransform } from "../../runtime/models/config.js";
import { findChromium, SWIFTSHADER } from "./chromium.js";
import { openLibraryPage } from "./library-page.js";

const TOLERANCE = 1e-4;
const { VITRINE_PHOTOS: photos, VITRINE_WEIGHTS: weights, VITRINE_DEVICE: device = "wasm" } = process.env;

interface Outcome {
  /** Of the model's input. */
  sha256: string;
  logits: number[];
  refused: string;
}

/** Runs in the page: the input by the library's own modules, and the classifier's answer. */
async function classifyFile([url, transform]: readonly [string, object]): Promise<Outcome> {
  const from = (path: string) => import(new URL(path, location.href).href);
  const [{ readPicture }, { createImageModule }, { browserHost }] = await Promise.all(
    ["/runtime/image/picture-reader.js", "/runtime/image/image-module.js", "/runtime/host/browser.js"].map(
      from,
    ),
  );
  const file = new Uint8Array(await (await fetch(url)).arrayBuffer());
  try {
    const { logits } = await window.classifier.classify(file);
    const pixels = await readPicture(await createImageModule(browserHost("/")), file, transform);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", pixels));
    const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return { sha256, logits: [...logits], refused: "" };
  } catch (error) {
    return { sha256: "", logits: [], refused: (error as { code: string }).code };
  }
}

const topFive = (logits: ArrayLike<number>) => classScores(logits, [], 5).map(({ index }) => index);

async function compare(executable: string, folder: string, file: string): Promise<void> {
  const site = mkdtempSync(join(tmpdir(), "vitrine-photographs-"));
  symlinkSync(resolve(folder), join(site, "photos"));
  mkdirSync(join(site, "model"));
  symlinkSync(resolve(file), join(site, "model", basename(file)));
  const headers = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
  };
  const flags = device === "webgpu" ? SWIFTSHADER : [];
  const opened = await openLibraryPage({ executable, site, headers, flags });
  const runtime = await createRuntime({ host: nodeHost(), device: "wasm", threads: "auto" });
  const model = await loadModel(runtime, nodeModelSource(file), { batchSizes: [1] });
  const transform = inputTransform(model.config);
  try {
    const used = await opened.page.evaluate(
      async ([model, device]) => {
        window.classifier = await window.library.createClassifier({ model, device });
        return window.classifier.card.device;
      },
      [`model/${basename(file)}`, device as "wasm" | "webgpu"] as const,
    );
    assert.is(used, device);
    let largest = 0;
    let read = 0;
    for (const name of readdirSync(folder)) {
      const url = `photos/${encodeURIComponent(name)}`;
      const there = await opened.page.evaluate(classifyFile, [url, transform] as const);
      const pixels = await model
        .readPicture(readFileSync(join(folder, name)))
        .catch((error: unknown) => error);
      if (!(pixels instanceof Uint8Array)) {
        assert.ok(isVitrineError(pixels), String(pixels));
        // What is of no known format, the page's browser has refused too.
        const allowed = [
          pixels.code,
          ...(pixels.code === "image/unknown-format" ? ["image/unreadable"] : []),
        ];
        assert.ok(allowed.includes(there.refused), `${name}: ${there.refused || "was read"}`);
        continue;
      }
      assert.is(there.refused, "", name);
      assert.is(there.sha256, createHash("sha256").update(pixels).digest("hex"), name);
      const { logits } = await model.logits(pixels, 1);
      for (const [place, value] of logits.entries())
        largest = Math.max(largest, Math.abs(value - (there.logits[place] as number)));
      if (device === "wasm") assert.ok(largest <= TOLERANCE, `${name}: logits differ by ${largest}`);
      else assert.equal(topFive(there.logits), topFive(logits), name);
      read++;
    }
    assert.ok(read > 0, "no picture was read");
    console.log(`${read} pictures with equal inputs; logits differ by at most ${largest.toExponential(1)}`);
  } finally {
    await opened.close();
    model.dispose();
    await runtime.dispose();
    rmSync(site, { recursive: true });
  }
}

const executable = findChromium();
if (executable && photos && weights) {
  test("a folder of photographs: equal inputs, logits within 1e-4", () =>
    compare(executable, photos, weights));
  test.run();
} else console.log("skipped: needs chromium, VITRINE_PHOTOS and VITRINE_WEIGHTS");
