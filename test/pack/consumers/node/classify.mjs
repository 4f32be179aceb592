// Plain Node ESM: classifies a photograph and reads every entrance of the installed package.
// `node classify.mjs MODEL PHOTO` prints one line of JSON.

import { readFile } from "node:fs/promises";
import { connectData, connectInference } from "vitrine/client";
import { createImageModule, decode } from "vitrine/image";
import { createRuntime, isVitrineError, loadModel, nodeHost, nodeModelSource } from "vitrine/runtime";

const [folder, photo] = process.argv.slice(2);
const host = nodeHost();
const runtime = await createRuntime({ host, device: "wasm" });
const model = await loadModel(runtime, await nodeModelSource(folder));
const [classes] = await model.classify([await readFile(photo)], { topK: 2 });
let code = "";
try {
  await model.classify([new Uint8Array([0xff, 0xd8, 0xff])]);
} catch (error) {
  if (isVitrineError(error)) code = error.code;
}
model.dispose?.();
const entrances = [connectData, connectInference, createImageModule, decode].map((entry) => typeof entry);
/** Files that the package lets others find, from its folder. */
const files = ["vitrine/wasm/nn.wasm", "vitrine/package.json"].map(
  (name) => import.meta.resolve(name).split("node_modules/vitrine/")[1],
);
console.log(JSON.stringify({ node: process.versions.node, classes, code, entrances, files }));
process.exit(0);
