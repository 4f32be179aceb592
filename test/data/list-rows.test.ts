// List rows: pieces of a list, wherever they are cut, give the rows of the whole, with their lines.

import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { type ListRow, readListRows } from "../../server/data/list-rows.js";
import { readListText } from "../../server/data/list-text.js";

const test = suite<{ list: string; folder: string }>("list rows");

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-rows-"));
  context.list = join(context.folder, "list");
});

test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

async function rowsOf(list: string): Promise<ListRow[]> {
  const rows: ListRow[] = [];
  for await (const some of readListRows(list, readListText(list))) rows.push(...some);
  return rows;
}

/** More than two pieces of 1 MiB. */
const ROWS = 20_000;

const path = (i: number) => `folder ${i % 97}/${"p".repeat(100 + (i % 41))}${i}.jpg`;
const expected = (firstLine: number): ListRow[] =>
  Array.from({ length: ROWS }, (_, i) => ({ path: path(i), label: `${i % 7}`, line: firstLine + i }));

for (const [name, end] of [
  ["newline", "\n"],
  ["carriage return and newline", "\r\n"],
  ["carriage return", "\r"],
]) {
  test(`lines that end with ${name} are whole in every piece`, async ({ list }) => {
    const plain = Array.from({ length: ROWS }, (_, i) => `${path(i)} ${i % 7}${end}`).join("");
    writeFileSync(list, plain);
    assert.equal(await rowsOf(list), expected(1));
    const cells = Array.from({ length: ROWS }, (_, i) => `${i % 7}, ${path(i)}${end}`).join("");
    writeFileSync(list, `Label,Path${end}${cells}`);
    assert.equal(await rowsOf(list), expected(2));
    writeFileSync(list, gzipSync(`Label,Path${end}${cells}`));
    assert.equal(await rowsOf(list), expected(2));
  });
}

test("a quoted cell may have line ends, delimiters and quotes, across pieces", async ({ list }) => {
  const odd = (i: number) => `a "b"\n,${i}\n\r\n${"x".repeat(i % 301)}.jpg`;
  const row = (i: number) => `"${odd(i).replaceAll('"', '""')}",${i % 7}\n`;
  const count = 20_000;
  writeFileSync(list, `path,label\n${Array.from({ length: count }, (_, i) => row(i)).join("")}`);
  const rows = await rowsOf(list);
  assert.is(rows.length, count);
  for (const [i, { path: found, label }] of rows.entries())
    if (found !== odd(i) || label !== `${i % 7}`) assert.unreachable(`row ${i}`);
});

test("JSON lines with escaped quotes are cut at line ends", async ({ list }) => {
  const lines = Array.from({ length: ROWS }, (_, i) =>
    JSON.stringify({ file_name: `"${path(i)}`, label: i % 7 }),
  );
  writeFileSync(list, `\n\n${lines.join("\n")}`);
  assert.equal(
    await rowsOf(list),
    expected(3).map((row) => ({ ...row, path: `"${row.path}` })),
  );
});

test("characters of several bytes survive the cuts, in UTF-8 and UTF-16", async ({ list }) => {
  const rows = Array.from({ length: ROWS }, (_, i) => `ä€😀${path(i)},${i % 7}\n`).join("");
  const paths = expected(2).map((row) => ({ ...row, path: `ä€😀${row.path}` }));
  writeFileSync(list, `path,label\n${rows}`);
  assert.equal(await rowsOf(list), paths);
  writeFileSync(list, Buffer.from(`\ufeffpath,label\n${rows}`, "utf16le"));
  assert.equal(await rowsOf(list), paths);
});

test("a quote that is never closed is an error, and not a list in memory", async ({ list }) => {
  writeFileSync(list, 'path,label\n"a.jpg,1\n');
  for (let i = 0; i < 12; i++) appendFileSync(list, `${"b.jpg,1\n".repeat(2 ** 17)}`);
  const error = await rowsOf(list).catch((reason: unknown) => reason);
  assert.ok(isVitrineError(error) && error.code === "data/bad-list", String(error));
  assert.not.match(error.message, /\n/);
});

test("damaged gzip data and an error in a late line are named", async ({ list }) => {
  const packed = gzipSync("path,label\n".repeat(1000));
  writeFileSync(list, packed.subarray(0, packed.length - 12));
  const cut = await rowsOf(list).catch((reason: Error) => reason);
  assert.match((cut as Error).message, /its gzip data cannot be read/);
  const start = Array.from({ length: ROWS }, (_, i) => `${path(i)},0\n`).join("");
  writeFileSync(list, `path,label\n${start}a"b".jpg,1\n`);
  const late = await rowsOf(list).catch((reason: Error) => reason);
  assert.match((late as Error).message, new RegExp(`line ${ROWS + 2}\\b`));
});

test.run();
