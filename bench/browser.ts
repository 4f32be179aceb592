// Bench of the browser library: Vitrine, onnxruntime-web and transformers.js take turns in one Chromium, on the same
// weights and the same photograph, each in a bare page with an empty cache.
//
// `npm run bench -- browser [--model PATH] [--photograph FILE] [--peers DIR] [--rounds 3] [--warm 12] [--json]`. Without
// --model, a DeiT-Tiny with random weights; without --photograph, a drawn one. The peers are installed by npm into a
// temporary folder, or into --peers, which is kept. Bytes are those of the files, uncompressed; ratios are ours over
// theirs, medians of the rounds; a peer whose answer differs is refused. `float16` and `int8` are Vitrine with smaller
// files of the same weights, compared with the same float32 peers in ratios of their own.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import jpeg from "jpeg-js";
import { type Browser, chromium } from "playwright-core";
import { multiplyAdds } from "../runtime/graph/multiply-adds.js";
import { nodeModelSource } from "../runtime/host/node.js";
import { inferenceGraph } from "../runtime/inference/program.js";
import { readModel, type StoredModel } from "../runtime/model-files/stored-model.js";
import { defaultLabels } from "../runtime/models/labels.js";
import { installPeers } from "./browser/install.js";
import { modelFiles } from "./browser/model-files.js";
import type { PageFigures } from "./browser/page-peer.js";
import { peakOf, rendererPids } from "./browser/renderers.js";
import { Site, type Visit } from "./browser/site.js";
import { benchConfig, benchWeights } from "./model-weights.js";
import { machineLoad } from "./serve/process-figures.js";
import { median } from "./statistics.js";

/** Compiled to dist/bench/. */
const dist = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const PAGES = { vitrine: "vitrine", ort: "onnxruntime", transformersJs: "transformers" } as const;
type Peer = keyof typeof PAGES;
const PEERS = Object.keys(PAGES) as Peer[];
/** Rows of their own beside the peers, and the query of the page. */
const FORMATS = { float16: "?dtype=float16", int8: "?dtype=int8" } as const;
type Format = keyof typeof FORMATS;
const FORMAT_NAMES = Object.keys(FORMATS) as Format[];
type RowName = Peer | Format;
const CAMERA_SECONDS = 5;
const ROOFLINE_ROUNDS = 40;
const LOAD_MS = 180_000;
/** Scaling by a canvas moves probabilities by a percent. */
const TOLERANCE = 0.05;

interface Options {
  model: string | undefined;
  photograph: string | undefined;
  peers: string | undefined;
  rounds: number;
  warm: number;
  json: boolean;
}

function options(words: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...words],
    options: {
      model: { type: "string" },
      photograph: { type: "string" },
      peers: { type: "string" },
      rounds: { type: "string", default: "3" },
      warm: { type: "string", default: "12" },
      json: { type: "boolean", default: false },
    },
  });
  const count = (flag: "rounds" | "warm") => {
    const value = Number(values[flag]);
    if (Number.isInteger(value) && value >= 1) return value;
    throw new Error(`bench: --${flag} is "${values[flag]}"; allowed: a whole number from 1`);
  };
  return { ...values, rounds: count("rounds"), warm: count("warm") } as Options;
}

async function openModel(path: string | undefined): Promise<StoredModel> {
  if (path !== undefined) return readModel(nodeModelSource(path));
  const config = benchConfig("deit_tiny_patch16_224");
  return {
    name: "random deit-tiny",
    config,
    labels: defaultLabels(config.classes),
    weights: benchWeights(config),
    batchesTracked: 0,
    dtype: "float32",
    matrices: new Map(),
    notices: [],
  };
}

/** A JPEG of 1280 × 960 pixels with waves. */
function drawnPhotograph(): Uint8Array {
  const [width, height] = [1280, 960];
  const data = Buffer.alloc(width * height * 4, 255);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let channel = 0; channel < 3; channel++)
        data[(y * width + x) * 4 + channel] =
          128 + 90 * Math.sin((x * (1 + channel)) / 61 + y / 47) + ((x * y) % 31);
  return jpeg.encode({ width, height, data }, 90).data;
}

function siteOf(model: StoredModel, photograph: Uint8Array, peers: ReturnType<typeof installPeers>): Site {
  const files = modelFiles(model).set("/photograph", photograph);
  return new Site({
    files,
    folders: {
      "/dist/": dist(""),
      "/peers/": peers.folder,
      "/peers-of-transformers/": peers.ofTransformers,
    },
    pages: Object.fromEntries([
      ...PEERS.map((peer) => [`/${peer}`, `/dist/bench/browser/${PAGES[peer]}-page.js`]),
      ["/peak", "/dist/bench/browser/peak-page.js"],
    ]),
    imports: {
      "onnxruntime-common": "/peers-of-transformers/onnxruntime-common/dist/esm/index.js",
      "onnxruntime-web/webgpu": "/peers-of-transformers/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs",
    },
  });
}

interface Round extends PageFigures, Visit {
  peakMb: number;
}

/** What a page that has crashed would never answer. */
async function limited<Value>(work: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`bench: no answer of a page in ${LOAD_MS / 1000} s`)), LOAD_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function visit(
  browser: Browser,
  site: Site,
  address: string,
  path: string,
  warm: number,
): Promise<Round> {
  const before = new Set(await rendererPids(browser));
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(LOAD_MS);
    site.visit();
    await page.goto(`${address}/${path}`);
    await page.waitForFunction(() => window.figures !== undefined);
    const cold = await limited(page.evaluate(() => window.figures));
    const sent = site.visit();
    const warmMs = await limited(page.evaluate((rounds) => window.warm(rounds), warm));
    const peakMb = peakOf((await rendererPids(browser)).filter((pid) => !before.has(pid)));
    return { ...cold, ...sent, warmMs, peakMb };
  } finally {
    await context.close();
  }
}

async function cameraFps(browser: Browser, address: string): Promise<number> {
  const page = await browser.newPage({ permissions: ["camera"] });
  await page.goto(`${address}/vitrine`);
  await page.waitForFunction(() => window.cameraFps !== undefined);
  const fps = await limited(page.evaluate((seconds) => window.cameraFps(seconds), CAMERA_SECONDS));
  await page.close();
  return fps;
}

/** What limits a warm answer: the products of a picture at the throughput of the browser's own arithmetic. */
interface Roofline {
  /** GFLOP/s of all threads, in a loop over registers. */
  peak: number;
  /** Milliseconds of the model's products at the peak, and those that the model takes. */
  boundMs: number;
  modelMs: number;
}

async function measureRoofline(browser: Browser, address: string, gigaflops: number): Promise<Roofline> {
  const page = await browser.newPage();
  await page.goto(`${address}/peak`);
  await page.waitForFunction(() => window.peak !== undefined);
  const peak = await limited(page.evaluate(() => window.peak));
  await page.goto(`${address}/vitrine`);
  await page.waitForFunction(() => window.fastestModelMs !== undefined);
  const modelMs = await limited(page.evaluate((rounds) => window.fastestModelMs(rounds), ROOFLINE_ROUNDS));
  await page.close();
  return { peak, boundMs: (1000 * gigaflops) / peak, modelMs };
}

async function autoDtype(browser: Browser, address: string): Promise<string> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${address}/vitrine`);
  await page.waitForFunction(() => window.autoDtype !== undefined);
  const dtype = await limited(page.evaluate(() => window.autoDtype()));
  await context.close();
  return dtype;
}

type Rounds = Record<RowName, Round[]>;

function checkAnswers(rounds: Rounds): void {
  const ours = rounds.vitrine[0].answer;
  for (const peer of [...PEERS, ...FORMAT_NAMES]) {
    const { label, probability } = rounds[peer][0].answer;
    if (label === ours.label && Math.abs(probability - ours.probability) <= TOLERANCE) continue;
    throw new Error(
      `bench: ${peer} answers ${label} ${probability}, vitrine ${ours.label} ${ours.probability}`,
    );
  }
}

const of = (rounds: readonly Round[], value: (round: Round) => number) => median(rounds.map(value));

function print(rounds: Rounds): void {
  console.log(
    "                    cold ms  warm ms  median ms  requests     bytes  code bytes  peak MB  answer",
  );
  for (const peer of [...PEERS, ...FORMAT_NAMES]) {
    const list = rounds[peer];
    const [{ answer, requests }] = list;
    const numbers = [
      of(list, ({ coldMs }) => coldMs)
        .toFixed(0)
        .padStart(9),
      of(list, ({ warmMs }) => Math.min(...warmMs))
        .toFixed(1)
        .padStart(9),
      of(list, ({ warmMs }) => median(warmMs))
        .toFixed(1)
        .padStart(11),
      String(requests).padStart(10),
      ...[list[0].bytes, list[0].codeBytes].map((bytes) => `${(bytes / 1e6).toFixed(2)} MB`.padStart(11)),
      of(list, ({ peakMb }) => peakMb)
        .toFixed(0)
        .padStart(8),
    ];
    console.log(
      `${peer.padEnd(18)}${numbers.join("")}  ${answer.label.slice(0, 20)} ${answer.probability.toFixed(4)}`,
    );
  }
}

function ratiosOf(rounds: Rounds, ours: RowName = "vitrine") {
  const ratio = (peer: Peer, value: (round: Round) => number) =>
    of(rounds[ours], value) / of(rounds[peer], value);
  const fastest = ({ warmMs }: Round) => Math.min(...warmMs);
  return {
    bytesVsOrt: ratio("ort", ({ bytes }) => bytes),
    coldVsOrt: ratio("ort", ({ coldMs }) => coldMs),
    warmVsOrt: ratio("ort", fastest),
    bytesVsTransformersJs: ratio("transformersJs", ({ bytes }) => bytes),
    coldVsTransformersJs: ratio("transformersJs", ({ coldMs }) => coldMs),
    warmVsTransformersJs: ratio("transformersJs", fastest),
    memoryVsOrt: ratio("ort", ({ peakMb }) => peakMb),
  };
}

export async function main(words: readonly string[]): Promise<void> {
  const flags = options(words);
  const executablePath = [process.env.CHROME_PATH, ...CHROMIUM].find((path) => {
    try {
      return path && readFileSync(path) && true;
    } catch {
      return false;
    }
  });
  if (!executablePath) throw new Error("bench: no Chromium; CHROME_PATH names one");
  const work = flags.peers ? resolve(flags.peers) : mkdtempSync(join(tmpdir(), "vitrine-bench-browser-"));
  mkdirSync(work, { recursive: true });
  const load = [machineLoad()];
  let browser: Browser | undefined;
  let site: Site | undefined;
  try {
    const peers = installPeers(work);
    console.log(
      Object.entries(peers.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(", "),
    );
    const model = await openModel(flags.model);
    const photograph = flags.photograph ? readFileSync(flags.photograph) : drawnPhotograph();
    site = siteOf(model, photograph, peers);
    const address = await site.listen();
    const camera = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=fps=60"];
    const args = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", ...camera];
    browser = await chromium.launch({ executablePath, args });
    const rounds: Rounds = { vitrine: [], ort: [], transformersJs: [], float16: [], int8: [] };
    for (let round = 0; round < flags.rounds; round++) {
      for (const peer of PEERS) rounds[peer].push(await visit(browser, site, address, peer, flags.warm));
      for (const [format, query] of Object.entries(FORMATS))
        rounds[format as Format].push(await visit(browser, site, address, `vitrine${query}`, flags.warm));
    }
    checkAnswers(rounds);
    print(rounds);
    const fps = await cameraFps(browser, address);
    const gigaflops = (2 * multiplyAdds(inferenceGraph(model.config, 1))) / 1e9;
    const roofline = await measureRoofline(browser, address, gigaflops);
    const auto = await autoDtype(browser, address);
    load.push(machineLoad());
    const codeBrotliBytes = rounds.vitrine[0].codeBrotliBytes();
    console.log(
      `camera: ${fps.toFixed(1)} frames/s; our code ${Math.ceil(codeBrotliBytes / 1000)} kB with Brotli; ${browser.version()}; ${availableParallelism()} cores; load of the machine ` +
        `${load.map((value) => value.toFixed(1)).join(" before, ")} after`,
    );
    console.log(
      `${gigaflops.toFixed(2)} GFLOP a picture; peak ${roofline.peak.toFixed(0)} GFLOP/s: at least ` +
        `${roofline.boundMs.toFixed(1)} ms, the model takes ${roofline.modelMs.toFixed(1)}; ` +
        `of a folder with all formats, auto chooses ${auto}`,
    );
    const ratios = ratiosOf(rounds);
    const formats = Object.fromEntries(FORMAT_NAMES.map((format) => [format, ratiosOf(rounds, format)]));
    if (flags.json)
      console.log(JSON.stringify({ ratios, formats, roofline, codeBrotliBytes, cameraFps: fps }));
  } finally {
    await browser?.close();
    site?.close();
    if (!flags.peers) rmSync(work, { recursive: true, force: true });
  }
}
