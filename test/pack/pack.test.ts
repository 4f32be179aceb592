// The packed package: what `npm pack` makes installs into fresh projects and works there, without this repository.

import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import sirv from "sirv";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findChromium, launchChromium } from "../browser/chromium.js";
import { makeTinyModel, TINY_LABELS, type TinyModel, wavesJpeg } from "../inference/tiny-model.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));
const consumers = join(root, "test/pack/consumers");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

interface Packed {
  /** A project with the tarball, TypeScript and Vite installed, and the consumers beside them. */
  project: string;
  /** Paths in the tarball. */
  files: string[];
  tiny: TinyModel;
  photo: string;
}

const test = suite<Packed>("pack");

/** npm's own script, so that no shell and no PATH decides which one runs. */
function npm(args: string[], cwd: string): Promise<{ stdout: string; stderr: string }> {
  const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--loglevel", "error"];
  return run("npm", [...args, ...quiet], {
    cwd,
    maxBuffer: 64 * 1024 * 1024,
    shell: process.platform === "win32",
  });
}

test.before(async (context) => {
  context.project = mkdtempSync(join(tmpdir(), "vitrine-pack-"));
  const { stdout } = await npm(["pack", "--json", "--pack-destination", context.project], root);
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  context.files = packed.files.map(({ path }) => path);
  writeFileSync(
    join(context.project, "package.json"),
    '{ "name": "consumer", "private": true, "type": "module" }\n',
  );
  cpSync(consumers, context.project, { recursive: true });
  const { typescript, vite } = manifest.devDependencies;
  const packages = [`./${packed.filename}`, `typescript@${typescript}`, `vite@${vite}`];
  await npm(["install", ...packages], context.project);
  context.tiny = makeTinyModel();
  context.photo = join(context.project, "photo.jpg");
  writeFileSync(context.photo, wavesJpeg(1));
});

test.after(({ project, tiny }) => {
  rmSync(project, { recursive: true, force: true });
  tiny.remove();
});

/** Runs a command of an installed package with this Node. */
function runPackage(project: string, script: string, args: string[]): Promise<{ stdout: string }> {
  return run(process.execPath, [join(project, "node_modules", script), ...args], { cwd: project });
}

test("the tarball holds the program, its WebAssembly, types and contracts, and neither tests nor benches", ({
  files,
}) => {
  const needed = [
    "dist/bin/vitrine.js",
    "dist/wasm/image.wasm",
    "dist/wasm/nn.relaxed.shared.wasm",
    "dist/wasm/avif_dec.wasm.gz",
    "dist/wasm/webp_dec.js",
    "proto/data.proto",
    "THIRD-PARTY.md",
  ];
  for (const path of [...needed, "dist/app/index.html", "LICENSE", "README.md"])
    assert.ok(files.includes(path), path);
  for (const target of Object.values(manifest.exports).flatMap(
    (entry) => JSON.stringify(entry).match(/dist[^"]*/g) ?? [],
  ))
    assert.ok(
      files.some((path) => (target.endsWith("*") ? path.startsWith(target.slice(0, -1)) : path === target)),
      target,
    );
  assert.equal(
    files.filter((path) => /^dist\/(test|bench)\/|\.tsbuildinfo$|fixtures/.test(path)),
    [],
  );
});

test("the command of the package says its version and classifies", async ({ project, tiny, photo }) => {
  const vitrine = (...args: string[]) => runPackage(project, "vitrine/dist/bin/vitrine.js", args);
  assert.is((await vitrine("--version")).stdout.trim(), manifest.version);
  const { stdout } = await vitrine("classify", photo, "--model", tiny.folder, "--device", "wasm");
  assert.ok(
    TINY_LABELS.some((label) => stdout.includes(label)),
    stdout,
  );
});

test("a strict TypeScript consumer without DOM or Node types compiles against every entrance", async ({
  project,
}) => {
  const compiled = runPackage(project, "typescript/lib/tsc.js", ["-p", join(project, "typescript")]);
  await compiled.catch(({ stdout }) => assert.unreachable(`tsc: ${stdout}`));
});

/** Another Node, by name, where CI=true lets npx fetch it. */
const VERSIONS = process.env.CI === "true" ? ["20", "22", "24", "26"] : [];
if (VERSIONS.length === 0)
  console.log("skipped: the package on Node 20, 22, 24 and 26 (set CI=true; npx fetches them)");

test("plain Node ESM gets the same classes on this Node and on every supported one", async ({
  project,
  tiny,
  photo,
}) => {
  const script = join(project, "node/classify.mjs");
  const here = JSON.parse(
    (await run(process.execPath, [script, tiny.folder, photo], { cwd: project })).stdout,
  );
  assert.equal(here.entrances, ["function", "function", "function", "function"]);
  assert.equal(here.files, ["dist/wasm/nn.wasm", "package.json"]);
  assert.is(here.code, "jpeg/truncated");
  assert.ok(TINY_LABELS.includes(here.classes[0].label));
  for (const version of VERSIONS) {
    const command = ["-y", "-p", `node@${version}`, "node", script, tiny.folder, photo];
    const { stdout } = await run("npx", command, { cwd: project, shell: process.platform === "win32" });
    const there = JSON.parse(stdout);
    assert.is(there.node.split(".")[0], version);
    assert.is(there.classes[0].label, here.classes[0].label);
    assert.ok(Math.abs(there.classes[0].probability - here.classes[0].probability) < 1e-5);
  }
});

test("a Vite app bundles the browser library with its worker, and classifies in Chromium", async ({
  project,
  tiny,
  photo,
}) => {
  const app = join(project, "vite");
  await runPackage(project, "vite/bin/vite.js", ["build", app, "--logLevel", "warn", "--base", "./"]);
  const assets = readdirSync(join(app, "dist/assets"));
  assert.ok(
    assets.some((name) => /worker.*\.js$/.test(name)),
    `no worker among ${assets}`,
  );
  const executable = findChromium();
  if (executable === undefined) {
    console.log("skipped: the Vite app in a browser (no Chromium here; CHROME_PATH names one)");
    return;
  }
  cpSync(tiny.folder, join(app, "dist/model"), { recursive: true });
  cpSync(photo, join(app, "dist/photo.jpg"));
  const server = createServer(sirv(join(app, "dist"), { dev: true }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await launchChromium(executable);
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => document.title !== "Consumer", undefined, { timeout: 60_000 });
    assert.ok(TINY_LABELS.includes(await page.title()), await page.title());
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
});

test.run();
