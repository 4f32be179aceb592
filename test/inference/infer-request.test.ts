// Infer request: what is read with limits equals what generated code reads, and every limit holds before memory is spent.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { inference } from "../../proto/generated/inference.js";
import { type PackedInput, readInferRequest } from "../../proto/infer-request.js";
import { encodeTensors } from "../../proto/tensor-codec.js";
import { readTypedInput } from "../../proto/typed-contents.js";
import { isVitrineError } from "../../runtime/errors.js";
import { Random } from "../nn/random.js";

const { ModelInferRequest } = inference;
type Fields = inference.ModelInferRequest.$Properties;

const encode = (fields: Fields): Uint8Array => ModelInferRequest.encode(fields).finish();

function code(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(isVitrineError(error), `${error}`);
    return `${error.code}: ${error.message}`;
  }
  return assert.unreachable("nothing was refused") as never;
}

const PARAMETERS = [
  { boolParam: true },
  { boolParam: false },
  { int64Param: -5 },
  { int64Param: 2 ** 50 },
  { stringParam: "" },
  { stringParam: "Grüße 🦁" },
  { doubleParam: 0.1 },
  { uint64Param: 7 },
];

/** Parameters as plain values, of a message of generated code. */
function plain(parameters: Record<string, inference.InferParameter.$Properties> | null | undefined) {
  return Object.fromEntries(
    Object.entries(parameters ?? {}).map(([name, value]) => {
      const { boolParam, int64Param, stringParam, doubleParam, uint64Param } = value;
      return [name, boolParam ?? int64Param ?? stringParam ?? doubleParam ?? uint64Param];
    }),
  );
}

function randomRequest(random: Random): Fields {
  const below = (limit: number) => Math.floor(random.uniform() * limit);
  const text = () => ["", "m", "name-é", "x".repeat(200)][below(4)]!;
  const parameters = () =>
    Object.fromEntries(Array.from({ length: below(4) }, (_, n) => [`p${n}`, PARAMETERS[below(8)]!]));
  return {
    modelName: text(),
    modelVersion: text(),
    id: text(),
    parameters: parameters(),
    inputs: Array.from({ length: below(3) }, () => ({
      name: text(),
      datatype: ["UINT8", "FP32", "BYTES", ""][below(4)]!,
      shape: Array.from({ length: below(5) }, () => below(1000) - 500),
      parameters: parameters(),
      ...(below(2) === 1 && { contents: { uintContents: [1, 200, 3], bytesContents: [Uint8Array.of(9)] } }),
    })),
    outputs: Array.from({ length: below(4) }, () => ({ name: text(), parameters: parameters() })),
    rawInputContents: Array.from({ length: below(3) }, () => new Uint8Array(below(50)).fill(below(256))),
  };
}

test("500 random requests are read as generated code reads them", () => {
  const random = new Random(7);
  for (let round = 0; round < 500; round++) {
    const bytes = encode(randomRequest(random));
    const expected = ModelInferRequest.decode(bytes);
    const got = readInferRequest(bytes);
    assert.equal(
      [got.modelName, got.modelVersion, got.id],
      [expected.modelName, expected.modelVersion, expected.id],
    );
    assert.equal(Object.fromEntries(got.parameters), plain(expected.parameters));
    assert.equal(
      got.inputs.map(({ contents, parameters, ...rest }) => ({
        ...rest,
        parameters: Object.fromEntries(parameters),
        contents: contents ? Buffer.from(contents).toString("hex") : null,
      })),
      expected.inputs.map(({ name, datatype, shape, parameters, contents }) => ({
        name,
        datatype,
        shape,
        parameters: plain(parameters as never),
        contents:
          contents && Buffer.from(inference.InferTensorContents.encode(contents).finish()).toString("hex"),
      })),
    );
    assert.equal(
      got.outputs.map(({ name, parameters }) => [name, Object.fromEntries(parameters)]),
      expected.outputs.map(({ name, parameters }) => [name, plain(parameters as never)]),
    );
    assert.equal(got.rawInputContents.map(Buffer.from), expected.rawInputContents.map(Buffer.from));
  }
});

test("every prefix of a request, and every request with one byte changed, is read or refused with a typed error", () => {
  const random = new Random(11);
  const whole = encode(randomRequest(random));
  const attempt = (bytes: Uint8Array) => {
    try {
      readInferRequest(bytes);
    } catch (error) {
      assert.ok(isVitrineError(error), `${error}`);
      assert.ok(["protocol/malformed", "protocol/parameter"].includes(error.code), error.code);
    }
  };
  for (let length = 0; length < whole.length; length++) attempt(whole.subarray(0, length));
  for (let place = 0; place < whole.length; place++) {
    const changed = Uint8Array.from(whole);
    changed[place] = Math.floor(random.uniform() * 256);
    attempt(changed);
  }
});

/** `count` times the same two bytes, a field of length 0. */
const emptyFields = (field: number, count: number) =>
  Buffer.alloc(2 * count).fill(Buffer.from([(field << 3) | 2, 0]));

const FLOODS: [claim: string, bytes: Uint8Array, text: RegExp][] = [
  ["outputs", emptyFields(6, 1 << 24), /more than 64 outputs/],
  ["inputs", emptyFields(5, 1 << 24), /more than 16 inputs/],
  ["raw contents", emptyFields(7, 1 << 24), /more than 16 raw contents/],
  ["parameters without a value", emptyFields(4, 1 << 24), /"" has no value/],
  ["unknown fields", emptyFields(15, 1 << 24), /more than 16384 fields/],
  [
    "the same parameter",
    Buffer.alloc(9 << 20).fill(Buffer.from([0x22, 7, 10, 1, 97, 18, 2, 8, 1])),
    /more than 16384 fields/,
  ],
  ["axes", encode({ inputs: [{ shape: new Array(1 << 20).fill(1) }] }), /more than 16 axes/],
  [
    "characters of a name",
    encode({ modelName: "€".repeat(1 << 20) }),
    /name has 3145728 bytes; allowed: 65536/,
  ],
];

for (const [claim, bytes, text] of FLOODS)
  test(`a flood is refused after its first elements: ${claim}`, () => {
    const before = process.memoryUsage();
    assert.match(
      code(() => readInferRequest(bytes)),
      text,
    );
    const { heapUsed } = process.memoryUsage();
    assert.ok(heapUsed - before.heapUsed < 16 << 20, `${heapUsed - before.heapUsed} bytes`);
  });

function packed(fields: inference.ModelInferRequest.InferInputTensor.$Properties): PackedInput {
  return readInferRequest(encode({ inputs: [fields] })).inputs[0]!;
}

async function refused(input: PackedInput): Promise<string> {
  try {
    await readTypedInput(input);
  } catch (error) {
    assert.ok(isVitrineError(error), `${error}`);
    return `${error.code}: ${error.message}`;
  }
  return assert.unreachable("nothing was refused") as never;
}

test("typed contents become the tensors that they were", async () => {
  const tensors = [
    { name: "u", datatype: "UINT8", shape: [300_000], data: new Uint8Array(300_000).map((_, n) => n * 7) },
    {
      name: "f",
      datatype: "FP32",
      shape: [2, 2],
      data: Float32Array.of(-1.5, 0, 3e-20, Number.POSITIVE_INFINITY),
    },
    {
      name: "b",
      datatype: "BYTES",
      shape: [3],
      data: [Uint8Array.of(), Uint8Array.of(1), new Uint8Array(200)],
    },
  ] as const;
  for (const tensor of tensors) {
    const [wire] = encodeTensors([tensor as never], false).tensors;
    const back = await readTypedInput(packed(wire!));
    assert.equal([back.datatype, back.shape], [tensor.datatype, [...tensor.shape]]);
    const values = (data: unknown) =>
      Array.from(data as ArrayLike<number | Uint8Array>, (value) =>
        value instanceof Uint8Array ? [...value] : value,
      );
    assert.equal(values(back.data), values(tensor.data));
  }
});

test("numbers that are not packed are read too", async () => {
  const contents = Uint8Array.of(0x20, 5, 0x20, 200, 1, 0x20, 0);
  const input = { name: "u", datatype: "UINT8", shape: [3], parameters: new Map(), contents };
  assert.equal([...(await readTypedInput(input)).data], [5, 200, 0]);
});

const uint = (shape: number[], uintContents: number[]) =>
  packed({ name: "u", datatype: "UINT8", shape, contents: { uintContents } });

test("typed contents that do not fit their header are refused, before memory for the shape is taken", async () => {
  assert.match(await refused(uint([1e9], [1, 2, 3])), /says 1000000000 elements, the contents have 5 bytes/);
  assert.match(await refused(uint([2], [1, 2, 3])), /says 2 elements, the contents hold more/);
  assert.match(await refused(uint([2], [255, 256])), /element 1 is 256; allowed in UINT8/);
  assert.match(
    await refused(packed({ name: "u", datatype: "UINT8", shape: [1] })),
    /says 1 elements.*hold 0/,
  );
  assert.match(await refused({ ...uint([1], [1]), datatype: "FP16" }), /FP16 has raw contents only/);
  const floats = packed({ name: "u", datatype: "UINT8", shape: [1], contents: { fp32Contents: [1] } });
  assert.match(await refused(floats), /UINT8 with fp32_contents; allowed: uint_contents/);
  const elements = { name: "b", datatype: "BYTES", shape: [1], parameters: new Map() };
  assert.match(
    await refused({ ...elements, contents: emptyFields(8, 1 << 24) }),
    /says 1 elements, .*hold more/,
  );
  assert.match(await refused({ ...elements, contents: Uint8Array.of(0x42, 5) }), /^protocol\/malformed/);
});

test.run();
