// Install: the peers of the browser bench, in a temporary folder, by npm. They take 600 MB, of which a page loads 30.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PEERS = { "onnxruntime-web": "1.30.0", "@huggingface/transformers": "4.3.2" };
const LIMIT_MS = 600_000;

export interface InstalledPeers {
  /** node_modules with the peers. */
  folder: string;
  /** node_modules with the onnxruntime-web that transformers asks for. */
  ofTransformers: string;
  versions: Readonly<Record<string, string>>;
}

/** Into `folder`, unless it has them already. Scripts of packages do not run: they download native code for Node. */
export function installPeers(folder: string): InstalledPeers {
  const modules = join(folder, "node_modules");
  const isThere = Object.keys(PEERS).every((name) => existsSync(join(modules, name, "package.json")));
  if (!isThere) {
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, dependencies: PEERS }));
    const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder];
    const { status, stderr } = spawnSync("npm", args, {
      encoding: "utf8",
      timeout: LIMIT_MS,
      cwd: folder,
      shell: process.platform === "win32",
    });
    if (status !== 0) throw new Error(`bench: npm install of the peers failed: ${stderr}`);
  }
  const own = join(modules, "@huggingface/transformers/node_modules");
  const ofTransformers = existsSync(join(own, "onnxruntime-web")) ? own : modules;
  const versionOf = (path: string) =>
    JSON.parse(readFileSync(join(path, "package.json"), "utf8")).version as string;
  return {
    folder: modules,
    ofTransformers,
    versions: {
      "onnxruntime-web": versionOf(join(modules, "onnxruntime-web")),
      "@huggingface/transformers": versionOf(join(modules, "@huggingface/transformers")),
      "onnxruntime-web of transformers": versionOf(join(ofTransformers, "onnxruntime-web")),
    },
  };
}
