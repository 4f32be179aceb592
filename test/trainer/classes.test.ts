// Classes: when a checkpoint's heads are kept, and how a teacher's classes are matched to the student's.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { IMAGENET_LABELS } from "../../runtime/models/imagenet-labels.js";
import { runClasses, teacherOrder } from "../../trainer/core/classes.js";

const data = (classes: string[]) => ({ fingerprint: "f", samples: 9, classes, instance: "1" });

test("a new model's classes are the data set's", () => {
  assert.equal(runClasses(data(["cat", "dog"]), null), {
    labels: ["cat", "dog"],
    headRows: null,
    notice: null,
  });
});

test("classes known only by index get names that say so, even 1,000 of them", () => {
  assert.equal(runClasses(data(["", ""]), null).labels, ["class 0", "class 1"]);
  assert.is(runClasses(data(new Array(1000).fill("")), null).labels[7], "class 7");
});

test("a list of indices makes a new head beside a checkpoint of any number of classes", () => {
  const two = runClasses(data(["", ""]), IMAGENET_LABELS);
  assert.equal([two.labels, two.headRows], [["class 0", "class 1"], null]);
  assert.match(
    two.notice as string,
    /newly initialized for 2 classes; .* no class names .* checkpoint's 1000$/,
  );
  const all = runClasses(data(new Array(1000).fill("")), IMAGENET_LABELS);
  assert.is(all.headRows, null);
  assert.match(all.notice as string, /--keep-head keeps its rows by index/);
});

test("names that the checkpoint has keep their rows, in the data set's order and number", () => {
  const kept = (classes: string[], labels: readonly string[]) => {
    const { labels: names, headRows, notice } = runClasses(data(classes), labels);
    assert.equal(names, classes);
    return [headRows === null ? null : [...headRows], notice];
  };
  assert.equal(kept(["ant", "bee"], ["ant", "bee"]), [
    [0, 1],
    "head: kept; the checkpoint has the same 2 classes",
  ]);
  assert.equal(kept(["ant", "bee"], ["Bee", "ant"]), [
    [1, 0],
    "head: kept and reordered; the checkpoint has the same 2 classes in another order",
  ]);
  assert.equal(kept(["goldfish", "hen"], IMAGENET_LABELS), [
    [1, 8],
    "head: kept the rows of 2 classes, found by name among the checkpoint's 1000",
  ]);
});

test("one unknown name makes a new head, and is named", () => {
  const { labels, headRows, notice } = runClasses(data(["ant", "elk", "yak"]), ["cow", "bee", "ant"]);
  assert.equal([labels, headRows], [["ant", "elk", "yak"], null]);
  assert.match(
    notice as string,
    /^head: newly initialized for 3 classes; "elk" and 1 more are not among .* 3; --keep-head/,
  );
});

test("--keep-head keeps rows by index, where there are as many", () => {
  const named = runClasses(data(["x", "y"]), ["cow", "bee"], true);
  assert.equal(
    [named.labels, [...(named.headRows ?? [])]],
    [
      ["x", "y"],
      [0, 1],
    ],
  );
  assert.match(named.notice as string, /\("x" was "cow", "y" was "bee"\)/);
  assert.equal(runClasses(data(["", ""]), ["cow", "bee"], true).labels, ["cow", "bee"]);
  assert.throws(
    () => runClasses(data(["x"]), ["cow", "bee"], true),
    /the data set has 1 class, the checkpoint 2/,
  );
});

test("a teacher with the same classes in another order is reordered", () => {
  assert.is(teacherOrder(["a", "b"], ["a", "b"], "t"), null);
  assert.equal([...(teacherOrder(["a", "b", "c"], ["c", "a", "b"], "t") ?? [])], [1, 2, 0]);
});

test("a teacher with other classes is refused, with both numbers and a name", () => {
  for (const labels of [
    ["a", "b"],
    ["a", "b", "x"],
    ["x", "y", "z"],
    ["a", "b", "c", "d"],
  ])
    try {
      teacherOrder(["a", "b", "c"], labels, "models/t");
      assert.unreachable();
    } catch (error) {
      assert.ok(isVitrineError(error) && error.code === "training/teacher-classes", `${error}`);
      assert.match(error.message, new RegExp(`models/t.*${labels.length} classes, the student 3.*--teacher`));
    }
});

test("a teacher whose files have no class names is taken by index where that is asked for", () => {
  const nameless = ["class 0", "class 1", "class 2"];
  const student = ["a", "b", "c"];
  assert.is(teacherOrder(student, nameless, "t", "index"), null);
  assert.is(teacherOrder(["class 0", "class 1"], ["class 0", "class 1"], "t"), null);
  const text = (teacher: string[], by?: "index") => {
    try {
      teacherOrder(student, teacher, "t.safetensors", by);
    } catch (error) {
      if (isVitrineError(error) && error.code === "training/teacher-classes") return error.message;
    }
    throw new Error("not refused");
  };
  assert.match(
    text(nameless),
    /no class names\): write id2label into a config.json beside its weights, or give --teacher-classes index/,
  );
  const other = text(nameless.slice(1).map((_, index) => `class ${index}`));
  assert.match(other, /has 2 classes, the student 3 classes, .*write id2label into a config.json/);
  assert.not.match(other, /--teacher-classes/);
  assert.match(text(["x", "y"], "index"), /the same for --teacher-classes index: give another --teacher/);
});

test("a teacher with one class for two of the student's is refused", () => {
  assert.throws(() => teacherOrder(["cat", "Cat"], ["cat", "dog"], "t"), /2 classes, the student 2/);
});

test.run();
