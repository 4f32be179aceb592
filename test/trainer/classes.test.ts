// Classes: when a checkpoint's heads are kept, and how a teacher's classes are matched to the student's.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { IMAGENET_LABELS } from "../../runtime/models/imagenet-labels.js";
import { runClasses, teacherOrder } from "../../trainer/classes.js";

const data = (classes: string[]) => ({ fingerprint: "f", samples: 9, classes, instance: "1" });

test("a new model's classes are the data set's", () => {
  const { labels, classMap } = runClasses(data(["cat", "dog"]), null);
  assert.equal(labels, ["cat", "dog"]);
  assert.equal([...classMap], [0, 1]);
});

test("classes known only by index get names that say so", () => {
  assert.equal(runClasses(data(["", ""]), null).labels, ["class 0", "class 1"]);
});

test("a list of ImageNet indices keeps the heads of a model with ImageNet's 1,000 classes", () => {
  const { labels, classMap } = runClasses(data(Array.from({ length: 998 }, () => "")), IMAGENET_LABELS);
  assert.is(labels.length, 1000);
  assert.equal([...classMap.slice(0, 3), classMap[997]], [0, 1, 2, 997]);
});

test("names that the checkpoint knows keep its order, names that it does not make new classes", () => {
  const known = runClasses(data(["ant", "bee"]), ["cow", "bee", "ant"]);
  assert.equal(
    [known.labels, [...known.classMap]],
    [
      ["cow", "bee", "ant"],
      [2, 1],
    ],
  );
  const some = runClasses(data(["ant", "elk"]), ["cow", "bee", "ant"]);
  assert.equal(
    [some.labels, [...some.classMap]],
    [
      ["ant", "elk"],
      [0, 1],
    ],
  );
  const none = runClasses(data(["x", "y"]), ["cow", "bee"]);
  assert.equal(
    [none.labels, [...none.classMap]],
    [
      ["x", "y"],
      [0, 1],
    ],
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

test("a teacher with one class for two of the student's is refused", () => {
  assert.throws(() => teacherOrder(["cat", "Cat"], ["cat", "dog"], "t"), /2 classes, the student 2/);
});

test.run();
