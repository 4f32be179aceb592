// In a browser: a folder of photographs in a page as in Node: inputs byte for byte, logits, the first five classes, and
// what one refuses the other refuses.

import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { decimalNumber } from "../../bin/options.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel, type Model } from "../../runtime/load-model.js";
import { inputTransform } from "../../runtime/models/config.js";
import { findChromium, SWIFTSHADER } from "../browser/chromium.js";
import { type LibraryPage, openLibraryPage } from "../browser/library-page.js";
import { tierTolerances } from "../executors/tier-tolerances.js";
import { type Agreement, compareTopFive } from "./top-five.js";

const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};
/** Pictures between two lines about the progress. */
const EVERY = 10;

export interface InBrowserOptions {
  executable: string;
  /** Folder of the photographs. */
  root: string;
  /** A model folder or a file of weights. */
  model: string;
  device: "wasm" | "webgpu";
  /** Only the photographs that are classified within that time; at least one. */
  minutes?: number;
  /** How far a logit may be from Node's. */
  tolerance: number;
}

export interface InBrowserReport extends Agreement {
  /** What the page computed on. */
  description: string;
  /** Photographs of the folder; `images` of them were classified. */
  photographs: number;
  /** Photographs that Node refuses, with an error that the page gave, too. */
  refused: number;
  /** What only one of them read, or read as other pixels. */
  differences: string[];
}

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

/** A site with the photographs and the model, as links. */
function makeSite(root: string, model: string): { site: string; address: string } {
  const site = mkdtempSync(join(tmpdir(), "vitrine-photographs-"));
  symlinkSync(resolve(root), join(site, "photos"));
  if (statSync(model).isDirectory()) {
    symlinkSync(resolve(model), join(site, "model"));
    return { site, address: "model" };
  }
  mkdirSync(join(site, "model"));
  symlinkSync(resolve(model), join(site, "model", basename(model)));
  return { site, address: `model/${basename(model)}` };
}

/** Rows for `compareTopFive`, and what differs before any number is computed. */
class Comparison {
  readonly names: string[] = [];
  readonly node: Float32Array[] = [];
  readonly page: Float32Array[] = [];
  readonly differences: string[] = [];
  refused = 0;
  readonly #model: Model;
  readonly #opened: LibraryPage;
  readonly #root: string;

  constructor(model: Model, opened: LibraryPage, root: string) {
    this.#model = model;
    this.#opened = opened;
    this.#root = root;
  }

  async add(name: string): Promise<void> {
    const address = `photos/${encodeURIComponent(name)}`;
    const transform = inputTransform(this.#model.config);
    const there = await this.#opened.page.evaluate(classifyFile, [address, transform] as const);
    const file = readFileSync(join(this.#root, name));
    const pixels = await this.#model.readPicture(file).catch((error: unknown) => error);
    if (pixels instanceof Uint8Array) await this.#compare(name, pixels, there);
    else if (isVitrineError(pixels)) this.#compareRefusal(name, pixels, there);
    else throw pixels;
  }

  async #compare(name: string, pixels: Uint8Array, there: Outcome): Promise<void> {
    if (there.refused !== "") this.differences.push(`${name}: the page refuses it (${there.refused})`);
    else if (there.sha256 !== createHash("sha256").update(pixels).digest("hex"))
      this.differences.push(`${name}: the page reads other pixels`);
    else {
      this.names.push(name);
      this.node.push((await this.#model.logits(pixels, 1)).logits);
      this.page.push(Float32Array.from(there.logits));
    }
  }

  /** What is of no known format, the page's browser may have tried, and refused in its own words. */
  #compareRefusal(name: string, { code }: VitrineError, { refused }: Outcome): void {
    const allowed = [code, ...(code === "image/unknown-format" ? ["image/unreadable"] : [])];
    if (allowed.includes(refused)) this.refused++;
    else this.differences.push(`${name}: ${code} in Node, ${refused || "read"} in the page`);
  }
}

/** Every photograph of the folder in Chromium and in Node (wasm), one after another. */
export async function compareInBrowser(
  options: InBrowserOptions,
  onProgress: (done: number, all: number) => void = () => {},
): Promise<InBrowserReport> {
  const { executable, root, model: path, device, minutes = Infinity, tolerance } = options;
  const { site, address } = makeSite(root, path);
  const flags = device === "webgpu" ? SWIFTSHADER : [];
  const opened = await openLibraryPage({ executable, site, headers: ISOLATED, flags });
  const runtime = await createRuntime({ host: nodeHost(), device: "wasm", threads: "auto" });
  const model = await loadModel(runtime, nodeModelSource(path), { batchSizes: [1] });
  try {
    const description = await opened.page.evaluate(
      async ([model, device]) => {
        window.classifier = await window.library.createClassifier({ model, device });
        return window.classifier.card.deviceDescription;
      },
      [address, device] as const,
    );
    if (!description.startsWith(device))
      throw new VitrineError("device/unavailable", `the page computes on ${description}, not on ${device}`);
    const comparison = new Comparison(model, opened, root);
    const names = readdirSync(root).sort();
    const end = performance.now() + minutes * 60_000;
    for (const [place, name] of names.entries()) {
      if (place > 0 && performance.now() > end) break;
      await comparison.add(name);
      if ((place + 1) % EVERY === 0) onProgress(place + 1, names.length);
    }
    const { differences, refused } = comparison;
    const agreement = compareTopFive(comparison.names, comparison.node, comparison.page, tolerance);
    return { description, photographs: names.length, refused, differences, ...agreement };
  } finally {
    await opened.close();
    model.dispose();
    await runtime.dispose();
    rmSync(site, { recursive: true });
  }
}

async function run(options: Omit<InBrowserOptions, "executable"> & { json?: boolean }): Promise<void> {
  const executable = findChromium();
  if (executable === undefined)
    throw new VitrineError("usage/browser", "no Chromium here; CHROME_PATH names one");
  const report = await compareInBrowser({ ...options, executable }, (done, all) =>
    console.error(`${done} of ${all}`),
  );
  const { description, photographs, images, same, decided, largestDifference, failures, differences } =
    report;
  for (const { image, want, got, difference } of failures)
    console.log(`failed: ${image}: ${got} for ${want}, largest difference ${difference}`);
  for (const text of differences) console.log(`failed: ${text}`);
  console.log(
    `${description}: ${images} of ${photographs} photographs with Node's inputs, the same first five on ${same} ` +
      `(rounding cannot decide it on ${decided}); logits differ by at most ${largestDifference.toExponential(1)}`,
  );
  if (options.json) console.log(JSON.stringify(report));
  if (failures.length + differences.length > 0 || images === 0) process.exitCode = 1;
}

export function registerInBrowser(program: Command): void {
  program
    .command("browser")
    .description("classify a folder of photographs in Chromium, and compare inputs and classes with Node's")
    .requiredOption("--root <folder>", "folder of the photographs")
    .requiredOption("--model <path>", "model folder or weight file")
    .addOption(
      new Option("--device <device>", "webgpu: SwiftShader, on the CPU, seconds a picture")
        .choices(["wasm", "webgpu"])
        .default("wasm"),
    )
    .option(
      "--minutes <m>",
      "only what is classified within that time",
      decimalNumber("--minutes", { min: 0 }),
    )
    .option(
      "--tolerance <t>",
      "how far a logit may be from Node's",
      decimalNumber("--tolerance", { min: 0 }),
      tierTolerances("float32").logits,
    )
    .option("--json", "end with one line of JSON")
    .action(run);
}
