// Bundlers: fresh projects with the packed @vitrine/browser, and how each makes a page of test/pack/consumers/browser.

import { execFile, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import sirv from "sirv";
import { makeTinyModel, wavesJpeg } from "../inference/tiny-model.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));
const consumers = join(root, "test/pack/consumers/browser");
const pictures = join(root, "test/fixtures/pictures");

/** One way from main.js to a page. */
export interface Bundler {
  name: string;
  /** What it installs besides the library, with versions. */
  packages: readonly string[];
  /** Script in node_modules with its arguments; none where the files are served as they are. */
  command?: readonly [script: string, ...args: string[]];
  /** Folder of the page, from the project; none where the command serves it, at the port that is added to it. */
  output?: string;
  /** Where the page is served; the default is not the top, so that no address may count from there. */
  base?: string;
  /** Lines of index.html; default: that of consumers/browser, whose script is main.js. */
  html?: (origins: { other: string }) => string;
}

const module = (script: string) =>
  `<!doctype html><title></title><script type="module" src="${script}"></script>`;

const importMap = (address: string) =>
  `<!doctype html><title></title><script type="importmap">{"imports":{"@vitrine/browser":"${address}"}}</script>` +
  '<script type="module" src="./main.js"></script>';

const LIBRARY = "node_modules/@vitrine/browser/client/bundle/index.js";

export const BUNDLERS: readonly Bundler[] = [
  { name: "no bundler", packages: [], output: ".", html: () => importMap(`./${LIBRARY}`) },
  {
    name: "no bundler, from another origin",
    packages: [],
    output: ".",
    html: ({ other }) => importMap(`${other}/${LIBRARY}`),
  },
  {
    name: "Vite",
    packages: ["vite@8.3.8"],
    command: ["vite/bin/vite.js", "build", "--config", "vite.config.mjs"],
    output: "dist",
  },
  {
    name: "Vite's development server",
    packages: ["vite@8.3.8"],
    command: [
      "vite/bin/vite.js",
      "--config",
      "vite.config.mjs",
      "--host",
      "127.0.0.1",
      "--strictPort",
      "--port",
    ],
  },
  {
    name: "webpack",
    packages: ["webpack@5.113.0", "webpack-cli@7.0.2"],
    command: ["webpack-cli/bin/cli.js", "--config", "webpack.config.mjs"],
    output: "dist",
    html: () => '<!doctype html><title></title><script defer src="./main.js"></script>',
  },
  {
    name: "esbuild",
    packages: ["esbuild@0.28.2"],
    command: ["../esbuild.mjs"],
    output: "dist",
    html: () => module("./main.js"),
  },
  {
    name: "Rollup",
    packages: ["rollup@4.68.8", "@rollup/plugin-node-resolve@16.0.3"],
    command: ["rollup/dist/bin/rollup", "--config", "rollup.config.mjs", "--silent"],
    output: "dist",
    html: () => module("./main.js"),
  },
];

/** A folder of examples/, with the library and a model where its first lines ask for them. */
export interface BrowserExample {
  folder: string;
  packages: readonly string[];
  command?: readonly [script: string, ...args: string[]];
  /** Folder for the model, from the example's. */
  model: string;
  /** Folder of the page, from the example's. */
  output: string;
}

const VITE_BUILD = ["vite/bin/vite.js", "build", "--base", "./", "--logLevel", "warn"] as const;

export const EXAMPLES: readonly BrowserExample[] = [
  { folder: "browser-html", packages: [], model: "model", output: "." },
  {
    folder: "browser-vite",
    packages: ["vite@8.3.8"],
    command: VITE_BUILD,
    model: "public/model",
    output: "dist",
  },
  {
    folder: "browser-react",
    packages: ["vite@8.3.8", "react@19.2.8", "react-dom@19.2.8"],
    command: VITE_BUILD,
    model: "public/model",
    output: "dist",
  },
];

const NEXT = ["next@16.4.6", "react@19.2.8", "react-dom@19.2.8"];

/** Those that take longer to install or to run than all of the others: `npm run bundlers`. */
export const SLOW_BUNDLERS: readonly Bundler[] = [
  {
    name: "Next.js (Turbopack)",
    packages: NEXT,
    command: ["next/dist/bin/next", "build", "next"],
    output: "next/out",
    base: "/",
  },
  {
    name: "Next.js (webpack)",
    packages: NEXT,
    command: ["next/dist/bin/next", "build", "next", "--webpack"],
    output: "next/out",
    base: "/",
  },
];

async function npm(args: string[], cwd: string): Promise<string> {
  const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--loglevel", "error"];
  const shell = process.platform === "win32";
  return (await run("npm", [...args, ...quiet], { cwd, maxBuffer: 1 << 26, shell })).stdout;
}

export interface Project {
  folder: string;
  /** Bytes of @vitrine/browser in node_modules, with everything that it brought. */
  installedBytes: number;
  /** What classified pictures answer in a bundler's page. */
  classifyIn(bundler: Bundler, browser: Browser): Promise<Outcome>;
  /** What an example's page shows about a photograph that is chosen there. */
  tryExample(example: BrowserExample, browser: Browser): Promise<ExampleOutcome>;
  remove(): void;
}

export interface Outcome {
  failure?: string;
  deviceDescription?: string;
  answers?: { name: string; label: string; decodedBy: string }[];
  /** Requests of the page that were answered with an error. */
  errors: string[];
}

export interface ExampleOutcome {
  lines: string[];
  /** How often the page asked for the weights. */
  downloads: number;
  errors: string[];
}

/** Packs the library and installs it with all bundlers into a new project. */
export async function makeProject(bundlers: readonly Pick<Bundler, "packages">[]): Promise<Project> {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-bundlers-"));
  await run(process.execPath, [join(root, "scripts/browser-package.mjs")]);
  const packed = await npm(["pack", join(root, "dist/browser-package"), "--json"], folder);
  const [{ filename, unpackedSize }] = JSON.parse(packed) as { filename: string; unpackedSize: number }[];
  writeFileSync(join(folder, "package.json"), '{ "name": "pages", "private": true, "type": "module" }\n');
  const packages = [...new Set(bundlers.flatMap((bundler) => bundler.packages))];
  await npm(["install", `./${filename.replace("@", "").replace("/", "-")}`, ...packages], folder);
  cpSync(consumers, folder, { recursive: true });
  const tiny = makeTinyModel();
  const shared = join(folder, "shared");
  cpSync(tiny.folder, join(shared, "model"), { recursive: true });
  tiny.remove();
  mkdirSync(join(shared, "pictures"));
  writeFileSync(join(shared, "pictures/photo.jpg"), wavesJpeg(1));
  cpSync(join(pictures, "webp_lossy.webp"), join(shared, "pictures/photo.webp"));
  cpSync(join(pictures, "avif_420.avif"), join(shared, "pictures/photo.avif"));
  return {
    folder,
    installedBytes: unpackedSize,
    classifyIn: (bundler, browser) => classifyIn(folder, bundler, browser),
    tryExample: (example, browser) => tryExample(folder, example, browser),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Headers with which a page may share memory among threads, and be read by pages that have them too. */
const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "cross-origin",
  "Access-Control-Allow-Origin": "*",
};

/** Serves a folder below `base`, and the model and the pictures at the top. */
async function serve(folder: string, shared: string, base: string) {
  const [page, common] = [folder, shared].map((path) => sirv(path, { dev: true }));
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(ISOLATED)) response.setHeader(name, value);
    const path = request.url ?? "/";
    const none = () => void response.writeHead(404).end();
    common(request, response, () => {
      if (!path.startsWith(base)) return none();
      request.url = `/${path.slice(base.length)}`;
      return page(request, response, none);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

const PAGE_MS = 60_000;

interface Served {
  address: string;
  close(): void;
}

/** Runs what a bundler's command line starts, with this Node. */
function commandOf(folder: string, { command = [""] }: Pick<Bundler, "command">): [string, string[]] {
  const [script, ...args] = command;
  return [process.execPath, [join(folder, "node_modules", script), ...args]];
}

/** No bundler reports home from a test. */
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" };

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A bundler's own server, once it answers. */
async function startServer(folder: string, bundler: Bundler): Promise<Served> {
  const port = await freePort();
  const [program, args] = commandOf(folder, bundler);
  const child = spawn(program, [...args, String(port)], { cwd: folder, env, stdio: "ignore" });
  const address = `http://127.0.0.1:${port}/`;
  const answers = () =>
    fetch(address).then(
      ({ ok }) => ok,
      () => false,
    );
  const until = Date.now() + PAGE_MS;
  while (!(await answers())) {
    if (child.exitCode !== null || Date.now() > until) throw new Error(`${bundler.name} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { address, close: () => void child.kill() };
}

/** What a bundler has built, with its index.html. */
async function buildAndServe(folder: string, output: string, bundler: Bundler): Promise<Served> {
  const { command, base = "/sub/page/", html } = bundler;
  if (command) {
    rmSync(join(folder, output), { recursive: true, force: true });
    await run(...commandOf(folder, bundler), { cwd: folder, env });
  }
  const shared = join(folder, "shared");
  const [here, other] = [await serve(join(folder, output), shared, base), await serve(folder, shared, "/")];
  if (html) writeFileSync(join(folder, output, "index.html"), html({ other: other.origin }));
  const close = () => {
    for (const server of [here, other]) server.close();
    if (html && output === ".") cpSync(join(consumers, "index.html"), join(folder, "index.html"));
  };
  return { address: here.origin + base, close };
}

/** Messages of what goes wrong in a page. */
function watchErrors(page: Page): string[] {
  const errors: string[] = [];
  page.on("response", (response) => {
    // What a model folder may lack, and what browsers ask for by themselves.
    const isOptional = /preprocessor_config\.json|favicon\.ico$/.test(response.url());
    if (!response.ok() && !isOptional) errors.push(`${response.status()} ${response.url()}`);
  });
  page.on("pageerror", (error) => errors.push(error.message));
  return errors;
}

async function classifyIn(folder: string, bundler: Bundler, browser: Browser): Promise<Outcome> {
  const { name, output } = bundler;
  const served = await (output === undefined
    ? startServer(folder, bundler)
    : buildAndServe(folder, output, bundler));
  const page = await browser.newPage();
  const errors = watchErrors(page);
  try {
    await page.goto(served.address);
    await page.waitForFunction(() => document.title.startsWith("{"), undefined, { timeout: PAGE_MS });
    return { ...(JSON.parse(await page.title()) as Outcome), errors };
  } catch (cause) {
    throw new Error(`${name}: no answer; ${errors.join("; ")}`, { cause });
  } finally {
    await page.close();
    served.close();
  }
}

async function tryExample(
  folder: string,
  example: BrowserExample,
  browser: Browser,
): Promise<ExampleOutcome> {
  const home = join(folder, example.folder);
  const shared = join(folder, "shared");
  cpSync(join(root, "examples", example.folder), home, { recursive: true });
  symlinkSync(join(folder, "node_modules"), join(home, "node_modules"), "junction");
  cpSync(join(shared, "model"), join(home, example.model), { recursive: true });
  if (example.command) await run(...commandOf(folder, example), { cwd: home, env });
  const served = await serve(join(home, example.output), shared, "/sub/page/");
  const page = await browser.newPage();
  const errors = watchErrors(page);
  let downloads = 0;
  page.on("request", (request) => {
    if (request.url().endsWith("/model.safetensors") && request.method() === "GET") downloads++;
  });
  try {
    await page.goto(`${served.origin}/sub/page/`);
    await page.setInputFiles("input[type=file]", join(shared, "pictures/photo.jpg"));
    await page.waitForSelector("li", { timeout: PAGE_MS });
    return { lines: await page.locator("li").allTextContents(), downloads, errors };
  } finally {
    await page.close();
    served.close();
  }
}
