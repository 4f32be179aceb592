// Documentation: the commands of docs/serving-http.md, run as they are written but for the address and the model.

import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type RestServer, startRest } from "./rest-server.js";

const PAGE = readFileSync(new URL("../../../docs/serving-http.md", import.meta.url), "utf8");
const commands = [...PAGE.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, command]) => command);

const canRun = ["curl", "base64"].every((tool) => spawnSync("which", [tool]).status === 0);
if (!canRun) console.log("skipped: the commands of docs/serving-http.md (no curl or base64 here)");

let rest: RestServer;
let folder: string;
test.before(async () => {
  rest = await startRest();
  folder = mkdtempSync(join(tmpdir(), "vitrine-"));
  writeFileSync(join(folder, "photo.jpg"), Buffer.from([9, 8, 7]));
});
test.after(async () => {
  await rest.close();
  rmSync(folder, { recursive: true });
});

/** What a command prints. It runs beside this process, which serves it. */
function run(command: string): Promise<string> {
  const text = command.replaceAll("http://127.0.0.1:8000", rest.url).replaceAll("MODEL", "colors");
  return new Promise((resolve, reject) => {
    execFile("sh", ["-c", text], { cwd: folder, timeout: 20_000 }, (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    );
  });
}

if (canRun) {
  test("a picture and several pictures are classified", async () => {
    const one = JSON.parse(await run(commands[0]));
    assert.equal(one.predictions[0][0].label, "red");
    const two = JSON.parse(await run(commands[1]));
    assert.equal(
      two.predictions.map((scores: object[]) => scores.length),
      [2, 2],
    );
  });

  test("a picture in base64 has labels and logits, and as a body binary logits", async () => {
    const { outputs } = JSON.parse(await run(commands[2]));
    assert.equal(outputs[0].data, ["red", "green", "blue"]);
    assert.equal(outputs[1].data, [9, 8, 7]);
    await run(commands[3]);
    const bytes = readFileSync(join(folder, "logits.bin"));
    const floats = new Float32Array(Uint8Array.from(bytes.subarray(-12)).buffer);
    assert.equal(floats, Float32Array.of(9, 8, 7));
  });
}

test("the page has the commands that are tested, and names every path", async () => {
  assert.is(commands.length, 4);
  const { paths } = (await rest.call("/openapi.json")).json;
  const named = PAGE.slice(PAGE.indexOf("## Paths"), PAGE.indexOf("## Tensors"));
  for (const path of Object.keys(paths)) {
    const last = path.split("/").at(-1) ?? "";
    const isMethod = /^\/(inference|grpc)\./.test(path);
    assert.ok(
      isMethod || last.includes("{") || named.includes(last),
      `${path} is not in docs/serving-http.md`,
    );
  }
});

test.run();
