// Tensor codec: tensors survive encoding and decoding, raw and typed; contradictions are refused by name.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { inference } from "../../proto/generated/inference.js";
import { decodeTensors, encodeTensors, type Tensor, type WireTensor } from "../../proto/tensor-codec.js";
import { isVitrineError } from "../../runtime/errors.js";

const { ModelInferRequest } = inference;

const TENSORS: Tensor[] = [
  {
    name: "image",
    datatype: "BYTES",
    shape: [3],
    data: [Uint8Array.of(0xff, 0xd8), Uint8Array.of(), Uint8Array.of(7)],
  },
  { name: "pixels", datatype: "UINT8", shape: [1, 2, 1, 3], data: Uint8Array.of(0, 1, 2, 253, 254, 255) },
  { name: "indices", datatype: "INT32", shape: [3], data: Int32Array.of(-1, 0, 2 ** 31 - 1) },
  { name: "logits", datatype: "FP32", shape: [2, 2], data: Float32Array.of(-1.5, 0, 3.25e-20, Number.NaN) },
];

/** Round trip through protobuf's own bytes, at an odd offset, as grpc-js delivers them. */
function overTheWire(tensors: readonly Tensor[], isRaw: boolean) {
  const encoded = encodeTensors(tensors, isRaw);
  const message = ModelInferRequest.create({
    modelName: "odd",
    inputs: encoded.tensors,
    rawInputContents: encoded.raw,
  });
  const bytes = ModelInferRequest.encode(message).finish();
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  const back = ModelInferRequest.decode(shifted.subarray(1));
  return decodeTensors(back.inputs, back.rawInputContents);
}

function plain(tensors: readonly Tensor[]) {
  return tensors.map(({ data, ...rest }) => ({
    ...rest,
    data: Array.from(data as ArrayLike<unknown>, (value) =>
      value instanceof Uint8Array ? Array.from(value) : value,
    ),
  }));
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(isVitrineError(error), `${error}`);
    assert.is(error.code, "protocol/tensor");
    return error.message;
  }
  return assert.unreachable("nothing was refused") as never;
}

for (const isRaw of [true, false]) {
  test(`${isRaw ? "raw" : "typed"} tensors survive encoding and decoding`, () => {
    const { tensors, isRaw: wasRaw } = overTheWire(TENSORS, isRaw);
    assert.is(wasRaw, isRaw);
    assert.equal(plain(tensors), plain(TENSORS));
  });
}

test("raw BYTES follow the protocol: each element after its length, 4 bytes, little-endian", () => {
  const [packed] = encodeTensors(TENSORS.slice(0, 1), true).raw;
  assert.equal([...packed!], [2, 0, 0, 0, 0xff, 0xd8, 0, 0, 0, 0, 1, 0, 0, 0, 7]);
});

test("a tensor whose shape does not fit its data is not sent", () => {
  const text = refusal(() =>
    encodeTensors([{ name: "p", datatype: "UINT8", shape: [2, 2], data: new Uint8Array(5) }], true),
  );
  assert.match(text, /"p".*\[2, 2\] says 4 .*hold 5/);
});

const wire = (fields: WireTensor): WireTensor => ({ name: "t", ...fields });
const bytes = (...values: number[]) => Uint8Array.from(values);

const HOSTILE: [claim: string, tensors: WireTensor[], raw: Uint8Array[], text: RegExp][] = [
  [
    "an unknown datatype",
    [wire({ datatype: "FP64", shape: [1] })],
    [bytes(0, 0)],
    /"FP64".*BYTES, UINT8, INT32, FP16, FP32/,
  ],
  ["typed FP16", [wire({ datatype: "FP16", shape: [1] })], [], /FP16 has raw contents only/],
  ["no datatype", [wire({ shape: [1] })], [bytes(0)], /datatype ""/],
  ["a negative axis", [wire({ datatype: "UINT8", shape: [-1] })], [bytes(0)], /\[-1\]/],
  [
    "a product beyond exact integers",
    [wire({ datatype: "UINT8", shape: [2 ** 40, 2 ** 40] })],
    [bytes(0)],
    /too large/,
  ],
  ["too few raw bytes", [wire({ datatype: "UINT8", shape: [4] })], [bytes(1, 2, 3)], /says 4 bytes.*hold 3/],
  ["half a float", [wire({ datatype: "FP32", shape: [1] })], [bytes(1, 2, 3)], /3 raw bytes/],
  [
    "fewer raw contents than tensors",
    [wire({ datatype: "UINT8" }), wire({})],
    [bytes(1)],
    /1 raw contents for 2/,
  ],
  [
    "raw and typed contents mixed",
    [wire({ datatype: "UINT8", shape: [1], contents: { uintContents: [1] } })],
    [bytes(1)],
    /raw and typed/,
  ],
  [
    "a length that is cut short",
    [wire({ datatype: "BYTES", shape: [1] })],
    [bytes(1, 0)],
    /2 of the 4 bytes/,
  ],
  [
    "an element that is cut short",
    [wire({ datatype: "BYTES", shape: [1] })],
    [bytes(0xff, 0xff, 0xff, 0xff, 9)],
    /element 0 at byte 0 .*1 of its 4294967295 bytes/,
  ],
  [
    "more elements than the shape says",
    [wire({ datatype: "BYTES", shape: [1] })],
    [bytes(0, 0, 0, 0, 0, 0, 0, 0)],
    /follow after its 1 elements/,
  ],
  [
    "fewer elements than the shape says",
    [wire({ datatype: "BYTES", shape: [1e9] })],
    [bytes(0, 0, 0, 0)],
    /says 1000000000 elements.*hold 1/,
  ],
  [
    "typed contents of another datatype",
    [wire({ datatype: "UINT8", shape: [1], contents: { fp32Contents: [1] } })],
    [],
    /fp32Contents; allowed: uintContents/,
  ],
  [
    "a typed UINT8 above 255",
    [wire({ datatype: "UINT8", shape: [2], contents: { uintContents: [255, 256] } })],
    [],
    /element 1 is 256/,
  ],
  ["no contents at all", [wire({ datatype: "FP32", shape: [2] })], [], /says 2 elements.*hold 0/],
];

for (const [claim, tensors, raw, text] of HOSTILE) {
  test(`refused: ${claim}`, () => {
    assert.match(
      refusal(() => decodeTensors(tensors, raw)),
      text,
    );
  });
}

test("every prefix of a request is decoded or refused with a typed error", () => {
  const encoded = encodeTensors(TENSORS, true);
  const whole = ModelInferRequest.encode({
    modelName: "cut",
    inputs: encoded.tensors,
    rawInputContents: encoded.raw,
  }).finish();
  let refused = 0;
  for (let length = 0; length < whole.length; length++) {
    let message: inference.ModelInferRequest;
    try {
      message = ModelInferRequest.decode(whole.subarray(0, length));
    } catch (error) {
      assert.instance(error, Error);
      refused++;
      continue;
    }
    try {
      decodeTensors(message.inputs, message.rawInputContents);
    } catch (error) {
      assert.ok(isVitrineError(error), `prefix of ${length} bytes: ${error}`);
      refused++;
    }
  }
  assert.ok(refused > whole.length / 2);
});

test.run();
