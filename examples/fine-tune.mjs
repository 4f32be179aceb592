// Fine-tunes a model on your photographs: starts a data server, then the trainer on it. Further flags go to the trainer.
// node examples/fine-tune.mjs MODEL PHOTOS OUT [--steps 400 --batch-size 16 …], with PHOTOS/train/CLASS/*.jpg and PHOTOS/val

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const [model, photos, out, ...flags] = process.argv.slice(2);
// In a project that installs the package, this is `npx vitrine`.
const script = fileURLToPath(new URL("../dist/bin/vitrine.js", import.meta.url));
const vitrine = (args, stdout) =>
  spawn(process.execPath, [script, ...args], { stdio: ["ignore", stdout, "inherit"] });

const server = vitrine(["data-server", "--data", `${photos}/train`, "--listen", "127.0.0.1:0"], "pipe");
try {
  const address = await new Promise((resolve) =>
    createInterface(server.stdout).on("line", (line) => {
      const match = /^listening on (\S+)/.exec(line);
      if (match) resolve(match[1]);
    }),
  );
  // Mixup and CutMix help long training from scratch, not a few hundred steps from pretrained weights.
  const recipe = ["--mixup", "0", "--cutmix", "0"];
  const data = ["--data-server", address, "--val", `${photos}/val`];
  const trainer = vitrine(["train", ...data, "--init", model, "--out", out, ...recipe, ...flags], "inherit");
  [process.exitCode] = await once(trainer, "close");
} finally {
  server.kill();
}
