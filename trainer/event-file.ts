// Event file: scalars for TensorBoard, as its SummaryWriter writes them: TFRecords of Event messages
// (tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto).

import { appendFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import protobuf from "protobufjs/minimal.js";

/** Reflected polynomial of CRC-32C (Castagnoli). */
const POLYNOMIAL = 0x82f63b78;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/** CRC-32C, masked as TFRecords store it: a record within a record must not look right by accident. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 255] as number) ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** length uint64, CRC of the length, data, CRC of the data; little-endian. */
function tfRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(data.length + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return record;
}

const field = (number: number, wireType: 0 | 1 | 2 | 5): number => (number << 3) | wireType;

/** Event: wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7. */
function event(step: number, fill: (writer: protobuf.Writer) => void): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(field(1, 1)).double(Date.now() / 1000);
  writer.uint32(field(2, 0)).int64(step);
  fill(writer);
  return tfRecord(writer.finish());
}

/** Summary.value = 1, of which tag = 1 and simple_value = 2. */
function scalars(values: Readonly<Record<string, number>>): (writer: protobuf.Writer) => void {
  return (writer) => {
    writer.uint32(field(5, 2)).fork();
    for (const [tag, value] of Object.entries(values))
      writer
        .uint32(field(1, 2))
        .fork()
        .uint32(field(1, 2))
        .string(tag)
        .uint32(field(2, 5))
        .float(value)
        .ldelim();
    writer.ldelim();
  };
}

/** SessionLog.status = 1, START = 1: TensorBoard drops what earlier files have from this step on. */
const sessionStart = (writer: protobuf.Writer): protobuf.Writer =>
  writer.uint32(field(7, 2)).fork().uint32(field(1, 0)).int32(1).ldelim();

export interface EventFile {
  /** Tag → value of a step. Values that are not finite are left out. */
  add(step: number, values: Readonly<Record<string, number | undefined>>): void;
}

/**
 * A new event file in `folder`, one for each start of a run that has done `step` steps. A file that cannot be written
 * ends no training.
 */
export function openEventFile(folder: string, step: number): EventFile {
  const seconds = Math.floor(Date.now() / 1000);
  const path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.0`);
  let works = true;
  const write = (work: () => void): void => {
    if (!works) return;
    try {
      work();
    } catch {
      works = false;
    }
  };
  write(() => {
    const version = event(0, (writer) => void writer.uint32(field(3, 2)).string("brain.Event:2"));
    writeFileSync(path, Buffer.concat([version, event(step + 1, sessionStart)]));
  });
  return {
    add: (at, values) => {
      const finite = Object.entries(values).filter(([, value]) => Number.isFinite(value));
      if (finite.length === 0) return;
      write(() =>
        appendFileSync(path, event(at, scalars(Object.fromEntries(finite) as Record<string, number>))),
      );
    },
  };
}
