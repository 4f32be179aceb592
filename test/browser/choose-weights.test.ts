// Choice among the files that a config.json offers: by the visitor's connection, and by what was kept.

import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type Connection,
  chooseFile,
  filesToTry,
  offeredFiles,
} from "../../client/browser/choose-weights.js";
import type { WeightsDtype } from "../../client/browser/contract.js";

const SUM = "a".repeat(64);
const offer = (file: string, bytes: number) => ({ file: `${file}.safetensors`, bytes, sha256: SUM });
const config = (weight_files: unknown) => JSON.stringify({ weight_files });
const DEIT_TINY = config({
  int8: offer("int8", 6e6),
  float16: offer("float16", 12e6),
  float32: offer("float32", 24e6),
});

async function chosen(dtype: WeightsDtype, connection?: Connection, kept: string[] = []) {
  const isKept = async (file: string) => kept.includes(file);
  return (await chooseFile(offeredFiles(DEIT_TINY), dtype, connection, isKept))?.dtype;
}

test("auto takes the most exact file that comes within 10 s, and the smallest where data is to be saved", async () => {
  assert.is(await chosen("auto", { downlink: 20 }), "float32");
  assert.is(await chosen("auto", { downlink: 19 }), "float16");
  assert.is(await chosen("auto", { downlink: 5 }), "int8");
  assert.is(await chosen("auto", { downlink: 0.1 }), "int8");
  assert.is(await chosen("auto", { downlink: 10, effectiveType: "3g" }), "int8");
  assert.is(await chosen("auto", { downlink: 10, saveData: true }), "int8");
  assert.is(await chosen("auto"), "float32");
});

test("auto takes what was kept before anything is downloaded, and a named format is that format", async () => {
  assert.is(await chosen("auto", { downlink: 20 }, ["int8.safetensors"]), "int8");
  assert.is(await chosen("auto", { saveData: true }, ["float32.safetensors", "int8.safetensors"]), "float32");
  assert.is(await chosen("float16", { saveData: true }, ["int8.safetensors"]), "float16");
});

test("a checksum that the caller knows decides before format and connection, and never gives way to config.json's", async () => {
  const [one, other, third] = ["1", "2", "3"].map((digit) => digit.repeat(64));
  const file = (name: string, sha256?: string) => ({ file: `${name}.safetensors`, bytes: 1, sha256 });
  const offered = offeredFiles(
    config({ float32: file("model", one), float16: file("half", other), int8: file("int8") }),
  );
  const tried = async (dtype: WeightsDtype, sha256?: string) =>
    (await filesToTry(offered, { dtype, sha256 }, { saveData: true }, async () => false)).map(
      ({ file }) => file,
    );
  assert.equal(await tried("auto", other), ["half.safetensors", "model.safetensors"]);
  assert.equal(await tried("int8", other), ["half.safetensors", "model.safetensors"]);
  assert.equal(await tried("auto", one), ["model.safetensors"]);
  assert.equal(await tried("float16", third), ["model.safetensors"]);
  assert.equal(await tried("int8", third), ["int8.safetensors", "model.safetensors"]);
  assert.equal(await tried("int8"), ["int8.safetensors", "model.safetensors"]);
});

test("without weight_files nothing is chosen, and a table that is wrong is refused by its field", () => {
  assert.equal(offeredFiles(""), []);
  assert.equal(offeredFiles("{}"), []);
  const refusal = (weight_files: unknown) => {
    try {
      offeredFiles(config(weight_files));
      return "nothing was refused";
    } catch (error) {
      return (error as Error).message;
    }
  };
  assert.match(
    refusal({ int8: { file: "../x.safetensors", bytes: 1 } }),
    /weight_files.*int8\.file.*\.\.\/x/,
  );
  assert.match(refusal({ int8: { file: "x.safetensors", bytes: -1 } }), /int8\.bytes.*-1/);
  assert.match(refusal({ int8: { file: "x.safetensors", bytes: 1, sha256: "z" } }), /int8\.sha256/);
  assert.match(refusal([]), /weight_files/);
  assert.match(refusal({ int8: 3 }), /int8\.file/);
});

test.run();
