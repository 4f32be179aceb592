// Vocabulary: the field's terms and American spelling, so that no reader has to translate.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Word or phrase → what the field says. Names that grpc-js, DOM and Node spell their own way are left to them. */
const PRIVATE: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\b[Ww]hoever\b/, "the caller, any, who"],
  [
    /\b(Workplace|Surroundings|GpuSeat|Patience|Turns|Closers|Course|Looks|ErrorRoom)\b/,
    "the term of the field",
  ],
  [/\b(twin|twins|\w+Twin)\b/i, "reference implementation, scalar version"],
  [/\bresting\b|\brestingWeights\b/i, "frozen"],
  [/\boneAhead\b/, "pipelined, double buffering"],
  [/\b(contestants?|contests?|disciplines?)\b/i, "peer, comparison, task"],
  [/\b(begun )?anew\b/i, "again, restarted"],
  [/\bone behind the other\b/i, "contiguous, consecutive"],
  [/\bone after the other\b/i, "sequentially, in turn"],
  [/\bwhat of\b/i, "the part of, which"],
  [/\bthe processor\b/i, "the CPU"],
  [/\bstretch(es)?\b/i, "segment, range"],
  [
    /\b\w*[Cc]olour\w*|\b\w*[Nn]eighbour\w*|\b[Bb]ehaviour\w*|\b[Hh]onour\w*|\b[Ff]avour\w*/,
    "American spelling",
  ],
  [
    /\b\w*([Nn]ormalis|[Oo]ptimis|[Ii]nitialis|[Ss]ummaris|[Qq]uantis|[Ss]erialis|[Oo]rganis|[Rr]ecognis)\w+/,
    "-ize",
  ],
  [/\b(catalogue|grey|learnt|licence|programme|modelled|labelled|centred)\b/i, "American spelling"],
];

/** Files whose words are not ours: class names of ImageNet, measurements, PyTorch's fixtures, and this list. */
const FOREIGN =
  /imagenet-labels|docs\/api|package-lock|^test\/fixtures|^bench\/results|vocabulary\.test\.ts$|^LICENSE|^CHANGELOG/;

function texts(): string[] {
  const listed = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0");
  return listed.filter(
    (path) => /\.(tsx?|mjs|wgsl|md|proto|css|html|py|c|ya?ml)$/.test(path) && !FOREIGN.test(path),
  );
}

function checkVocabulary(): void {
  const found: string[] = [];
  for (const path of texts()) {
    const lines = readFileSync(join(root, path), "utf8").split("\n");
    for (const [index, line] of lines.entries()) {
      for (const [pattern, instead] of PRIVATE) {
        const match = pattern.exec(line);
        if (match) found.push(`${path}:${index + 1}: "${match[0]}" (${instead})`);
      }
    }
  }
  assert.equal(found, []);
}

if (existsSync(join(root, ".git")))
  test("names, comments, docs and messages use the field's terms", checkVocabulary);
else console.log("skipped: the vocabulary (git lists the files, and this is no checkout)");

test.run();
