// JSON data: tensors of JSON bodies have the values that JSON.parse reads, flat or nested, and everything that is no
// tensor of the shape is refused before memory is taken for it.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { readFloat32, readStrings, readUint8 } from "../../server/http/json-data.js";
import { readEnvelope } from "../../server/http/json-envelope.js";

/** A linear congruential generator: the same on every machine. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** `values` as nested arrays of this shape. */
function nest<T>(values: readonly T[], shape: readonly number[]): unknown {
  const [axis, ...rest] = shape;
  if (rest.length === 0) return values;
  const size = values.length / axis;
  return Array.from({ length: axis }, (_, place) =>
    nest(values.slice(place * size, (place + 1) * size), rest),
  );
}

/** Spaces, tabs and line ends around every bracket and comma. */
function spread(json: string, draw: (below: number) => number): string {
  const space = () => [" ", "", "\n", "\t ", "\r\n"][draw(5)];
  return json.replaceAll(/[[\],]/g, (text) => space() + text + space());
}

/** The data of a request's only input. */
async function dataOf(data: string): Promise<{ body: Buffer; extent: { start: number; end: number } }> {
  const body = Buffer.from(`{"inputs": [{"name": "a", "data": ${data}, "shape": [1]}]}`);
  const envelope = await readEnvelope(body);
  assert.is(envelope.data.length, 1);
  return { body, extent: envelope.data[0] };
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (isVitrineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

test("random tensors have the values of JSON.parse, whatever their shape, nesting and spaces", async () => {
  const draw = numbers(1);
  for (let round = 0; round < 300; round++) {
    const shape = Array.from({ length: 1 + draw(4) }, () => 1 + draw(4));
    const count = shape.reduce((a, b) => a * b);
    const floats = Array.from({ length: count }, () => {
      const value = (draw(2 ** 31) - 2 ** 30) * 10 ** (draw(60) - 40);
      return [value, Math.fround(value), Math.trunc(value % 1000), -0][draw(4)];
    });
    const bytes = Array.from({ length: count }, () => draw(256));
    const write = (values: readonly number[]) => {
      const texts = values.map((value) => (Object.is(value, -0) ? "-0" : String(value)));
      const shaped = draw(2) === 0 ? texts : nest(texts, shape);
      return spread(JSON.stringify(shaped).replaceAll('"', ""), draw);
    };
    const float = await dataOf(write(floats));
    assert.equal(
      await readFloat32(float.body, float.extent, { name: "a", shape }),
      Float32Array.from(floats),
    );
    const byte = await dataOf(write(bytes));
    assert.equal(await readUint8(byte.body, byte.extent, { name: "a", shape }), Uint8Array.from(bytes));
  }
});

test("random strings are their UTF-8, with and without escapes, and base64 is its bytes", async () => {
  const draw = numbers(2);
  for (let round = 0; round < 200; round++) {
    const texts = Array.from({ length: 1 + draw(4) }, () =>
      Array.from(
        { length: draw(20) },
        () => ["a", "é", "🦁", '"', "\\", "\n", "]", ",", "[", "{"][draw(10)],
      ).join(""),
    );
    const plain = await dataOf(JSON.stringify(texts));
    const tensor = { name: "a", shape: [texts.length] };
    assert.equal(
      (await readStrings(plain.body, plain.extent, tensor, false)).map((bytes) =>
        Buffer.from(bytes).toString(),
      ),
      texts,
    );
    const encoded = texts.map((text) => Buffer.from(text).toString("base64"));
    const base64 = await dataOf(JSON.stringify(encoded));
    assert.equal(
      (await readStrings(base64.body, base64.extent, tensor, true)).map((bytes) =>
        Buffer.from(bytes).toString(),
      ),
      texts,
    );
  }
});

test("a picture of a megabyte in base64 is read in several turns of the event loop", async () => {
  const picture = Buffer.alloc(1_500_000, "vitrine");
  const { body, extent } = await dataOf(JSON.stringify([picture.toString("base64")]));
  let turns = 0;
  const timer = setImmediate(function count() {
    turns++;
    setImmediate(count).unref?.();
  });
  const [read] = await readStrings(body, extent, { name: "a", shape: [1] }, true);
  clearImmediate(timer);
  assert.ok(picture.equals(Buffer.from(read)));
  assert.ok(turns >= 5, `${turns} turns`);
});

const SHAPED: [data: string, shape: number[], refusal: RegExp][] = [
  ["5", [1], /byte \d+ is "5"; expected: an array/],
  ['{"a": 1}', [1], /expected: an array/],
  ["[1, 2", [2], /cannot be read/],
  ["[1, 2] 3", [2], /cannot be read/],
  ["[1,, 2]", [2], /is ","; expected: value/],
  ["[1 2]", [2], /is "2"; expected: comma or end/],
  ["[1, 2,]", [2], /is "]"; expected: value/],
  ["[,1]", [1], /is ","; expected: value or end/],
  ["[1, 2, 3]", [2], /more than 2 elements; shape \[2\]/],
  ["[1, 2]", [3], /has 2 elements; shape \[3\] says 3|more than the data can hold/],
  ["[[1, 2], [3]]", [2, 2], /has 1 elements; shape \[2, 2\] says 2/],
  ["[[1], [2, 3, 4]]", [2, 2], /has 1 elements/],
  ["[[1, 2], 3, 4]", [2, 2], /element 2 is at depth 1; allowed: all at depth 1 \(flat\) or 2 \(nested\)/],
  ["[[[1]]]", [1, 1], /nest deeper than its 2 axes/],
  ["[[1]]", [1], /nest deeper than its 1 axes/],
  ["[[1, 2]]", [1, 2, 1], /element 0 is at depth 2; allowed: all at depth 1 \(flat\) or 3/],
  ["[1]", [1e9, 1e9], /says 1000000000000000000 elements, more than the data can hold: \d/],
  ["[[], 1]", [1], /nest deeper/],
  ["[null]", [1], /element 0 is n/],
  ["[true]", [1], /element 0 is t/],
  ['["1"]', [1], /element 0 is "/],
  ["[01]", [1], /element 0 is 01/],
  ["[+1]", [1], /element 0 is \+1/],
  ["[1.]", [1], /element 0 is 1\./],
  ["[.5]", [1], /element 0 is \.5/],
  ["[1e]", [1], /element 0 is 1e/],
  ["[0x1]", [1], /is "x"; expected: comma or end/],
  ["[--1]", [1], /element 0 is --1/],
  [`[${"1".repeat(70)}]`, [1], /element 0 is 1{20}/],
  ["[1e39]", [1], /element 0 is 1e39; allowed: numbers that float32 can hold/],
  ["[1e999]", [1], /element 0 is 1e999/],
  ["[NaN]", [1], /element 0 is N/],
];

for (const [data, shape, expected] of SHAPED) {
  test(`refused as a float32 tensor of shape [${shape}]: ${data.slice(0, 40)}`, async () => {
    const read = async () => {
      const { body, extent } = await dataOf(data);
      await readFloat32(body, extent, { name: "a", shape });
    };
    assert.match(await refusal(read()), expected);
  });
}

for (const text of ["256", "-1", "1.5", "1e9", "0.1e1"]) {
  const isByte = Number(text) === 1;
  test(`${text} is ${isByte ? "" : "no "}uint8`, async () => {
    const { body, extent } = await dataOf(`[${text}]`);
    const got = await refusal(readUint8(body, extent, { name: "a", shape: [1] }));
    assert.match(got, isByte ? /accepted/ : /element 0 is .*; allowed: whole numbers from 0 to 255/);
  });
}

for (const text of ["a", "ab==c", "a=bc", "ab=", "====", "ab!c", "YQ==YQ=="]) {
  test(`"${text}" is no base64`, async () => {
    const { body, extent } = await dataOf(JSON.stringify([text]));
    assert.match(await refusal(readStrings(body, extent, { name: "a", shape: [1] }, true)), /is not base64/);
  });
}

test("an envelope is what JSON.parse reads, with a place instead of each input's data", async () => {
  const text = `{"id": "]}\\"", "data": [1], "inputs": [{"data": [[1, "]"]], "name": "data"}, {"parameters": {"data": [2]}, "data": "x"}, {"data": 7}]}`;
  const { json, data } = await readEnvelope(Buffer.from(text));
  assert.equal(json, {
    id: ']}"',
    data: [1],
    inputs: [{ data: 0, name: "data" }, { parameters: { data: [2] }, data: 1 }, { data: 2 }],
  });
  assert.equal(
    data.map(({ start, end }) => text.slice(start, end).trim()),
    ['[[1, "]"]]', '"x"', "7"],
  );
});

const MALFORMED: [claim: string, text: string, refusal: RegExp][] = [
  ["nothing", "", /cannot be read/],
  ["no JSON", "hello", /cannot be read/],
  ["brackets without end", "[".repeat(1000), /nests more than 16 levels deep at byte 16/],
  ["data without end", `{"inputs": [{"data": ${"[".repeat(1000)}`, /nests more than 16 levels deep/],
  ["a string without end", `{"id": "${"x".repeat(100)}`, /cannot be read/],
  ["a large envelope", `{"id": "${"x".repeat(300_000)}"}`, /more than 262144 bytes besides the data/],
  ["closing brackets", "]]]]", /cannot be read/],
];

for (const [claim, text, expected] of MALFORMED) {
  test(`refused as an envelope: ${claim}`, async () => {
    assert.match(await refusal(readEnvelope(Buffer.from(text))), expected);
  });
}

test.run();
