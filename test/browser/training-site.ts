// Training site: a page in Chromium that trains on drawn pictures, and `vitrine train` on the same ones, for the test
// and the bench of training in a page.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import sirv from "sirv";
import {
  ensureSampleSet,
  randomForSamples,
  type SampleCounts,
  SHAPE_CLASSES,
} from "../../bin/sample-data/sample-set.js";
import type {
  LabeledPicture,
  TrainedEvaluation,
  TrainerFacts,
  TrainerOptions,
} from "../../client/browser/trainer.js";
import { launchChromium } from "./chromium.js";

const DIST = fileURLToPath(new URL("../../", import.meta.url));

/** What a page is asked to do with the pictures of the site. */
export type Asked = Omit<TrainerOptions, "pictures" | "validation">;

interface PageTools {
  library: typeof import("../../client/browser/trainer.js");
  pictures(split: "train" | "val"): Promise<LabeledPicture[]>;
  /** SHA-256, hex. */
  digest(bytes: Uint8Array<ArrayBuffer>): Promise<string>;
}

declare global {
  interface Window {
    tools: PageTools;
  }
}

/** What a page made of a run. */
export interface TabRun {
  facts: TrainerFacts;
  /** SHA-256 of model.safetensors, hex. */
  weights: string;
  /** Text of config.json. */
  config: string;
  steps: number[];
  /** With the seconds that they came after. */
  evaluations: (TrainedEvaluation & { seconds: number })[];
  finished: boolean;
  /** Seconds to prepare the run, and of its steps, validations and checkpoints. */
  seconds: { prepare: number; train: number };
}

export const digestOf = (path: string): string =>
  createHash("sha256").update(readFileSync(path)).digest("hex");

export class TrainingSite {
  /** Served, with pictures/train/CLASS/… and pictures/val/CLASS/…, and the model as model/. */
  readonly folder: string;
  readonly classes: readonly string[];
  readonly page: Page;
  readonly #browser: Browser;
  readonly #server: Server;

  private constructor(
    folder: string,
    classes: readonly string[],
    { browser, server, page }: { browser: Browser; server: Server; page: Page },
  ) {
    this.folder = folder;
    this.classes = classes;
    this.#browser = browser;
    this.#server = server;
    this.page = page;
  }

  /** A page that is cross-origin isolated, on the pictures of two classes: `counts` of each. */
  static async open(executable: string, model: string, counts: SampleCounts): Promise<TrainingSite> {
    const folder = mkdtempSync(join(tmpdir(), "vitrine-tab-"));
    cpSync(model, join(folder, "model"), { recursive: true });
    const classes = new Map([...SHAPE_CLASSES].slice(0, 2));
    await ensureSampleSet(join(folder, "pictures"), await randomForSamples(), counts, classes);
    const [dist, files] = [sirv(DIST, { dev: true }), sirv(folder, { dev: true })];
    const server = createServer((request, response) => {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
      if (request.url === "/") response.setHeader("Content-Type", "text/html").end("<title>blank</title>");
      else files(request, response, () => dist(request, response, () => void response.writeHead(404).end()));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const browser = await launchChromium(executable);
    // A context keeps its private files until it is closed.
    const page = await (await browser.newContext()).newPage();
    const site = new TrainingSite(folder, [...classes.keys()], { browser, server, page });
    await site.load();
    return site;
  }

  /** Loads the page, or loads it again: what ran in it is gone. */
  async load(): Promise<void> {
    const { port } = this.#server.address() as AddressInfo;
    await this.page.goto(`http://127.0.0.1:${port}/`);
    const names = (split: string) =>
      this.classes.map((label) => [label, readdirSync(join(this.folder, "pictures", split, label))] as const);
    await this.page.evaluate(
      async (files) => {
        const pictures = (split: "train" | "val"): Promise<LabeledPicture[]> =>
          Promise.all(
            files[split].flatMap(([label, of]) =>
              of.map(async (name) => {
                const response = await fetch(`/pictures/${split}/${label}/${name}`);
                return { label, picture: new File([await response.blob()], name) };
              }),
            ),
          );
        const digest = async (bytes: Uint8Array<ArrayBuffer>) => {
          const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
          return Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
        };
        const library = await import(new URL("/client/browser/trainer.js", location.href).href);
        window.tools = { library, pictures, digest };
      },
      { train: names("train"), val: names("val") },
    );
  }

  /** Trains in the page, up to `until` steps. */
  train(asked: Asked, until = Number.POSITIVE_INFINITY): Promise<TabRun> {
    return this.page.evaluate(
      async ([asked, until]) => {
        const { library, pictures, digest } = window.tools;
        const steps: number[] = [];
        const evaluations: TabRun["evaluations"] = [];
        const own = asked.resume
          ? {}
          : { pictures: await pictures("train"), validation: await pictures("val") };
        const start = performance.now();
        let prepared = start;
        const trainer = await library.createTrainer({
          ...asked,
          ...own,
          onStep: ({ step }) => {
            steps.push(step);
            if (step === until) void trainer.stop();
          },
          onEvaluation: (evaluation) =>
            evaluations.push({ ...evaluation, seconds: (performance.now() - prepared) / 1000 }),
        });
        prepared = performance.now();
        const { finished } = await trainer.train();
        const ended = performance.now();
        const files = await trainer.exportModel();
        trainer.dispose();
        return {
          facts: trainer.facts,
          weights: await digest(files.get("model.safetensors") as Uint8Array<ArrayBuffer>),
          config: new TextDecoder().decode(files.get("config.json")),
          ...{ steps, evaluations, finished },
          seconds: { prepare: (prepared - start) / 1000, train: (ended - prepared) / 1000 },
        };
      },
      [asked, until] as const,
    );
  }

  /** Trains in Node on wasm with flags as `TrainerFacts.flags` has them; returns the folder of the model. */
  async trainInNode(name: string, flags: readonly string[], limitMs = 120_000): Promise<string> {
    const out = join(this.folder, name);
    const data = ["--data", join(this.folder, "pictures/train"), "--workers", "0"];
    const run = ["--init", join(this.folder, "model"), "--out", out, "--device", "wasm", "--no-report"];
    const args = [join(DIST, "bin/vitrine.js"), "train", ...data, ...run];
    const own = flags.flatMap((flag) => flag.split(" "));
    await promisify(execFile)(process.execPath, [...args, ...own], { timeout: limitMs });
    return join(out, "last");
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(this.folder, { recursive: true });
  }
}
