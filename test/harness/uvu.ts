// uvu, with every error printed and one test chosen by name. uvu's reporter takes `error.details` for text, as its own
// assertions have it; an error whose details are an object, as VitrineError's, makes it end without a word.
// What a `before` or `after` hook throws it never prints.

import { inspect } from "node:util";
import * as uvu from "uvu";

/** Tests whose name contains this run; set by `--only` of test/run.ts. */
const ONLY = process.env.VITRINE_TEST_ONLY ?? "";

/** The error as uvu can print it: same message and stack, details and cause as text. */
function printable(thrown: unknown): Error {
  if (!(thrown instanceof Error)) return new Error(`thrown value: ${inspect(thrown)}`);
  const { details } = thrown as { details?: unknown };
  const isText = details === undefined || typeof details === "string";
  if (isText && thrown.cause === undefined) return thrown;
  const lines = isText ? [details ?? ""] : [`details: ${inspect(details)}`];
  if (thrown.cause !== undefined) lines.push(`cause: ${inspect(thrown.cause)}`);
  const { name, message, stack } = thrown;
  return Object.assign(Object.create(thrown), { name, message, stack, details: lines.join("\n") });
}

type Handler<T> = uvu.Callback<T>;

function reported<T>(handler: Handler<T>): Handler<T> {
  return async (context) => {
    try {
      await handler(context);
    } catch (thrown) {
      throw printable(thrown);
    }
  };
}

function printed<T>(place: string, hook: Handler<T>): Handler<T> {
  return async (context) => {
    try {
      await hook(context);
    } catch (thrown) {
      console.log(`\n  a "${place}" hook failed: ${inspect(thrown)}`);
      throw printable(thrown);
    }
  };
}

function wrap<T>(inner: uvu.Test<T>): uvu.Test<T> {
  let chosen = 0;
  const add =
    (register: (name: string, handler: Handler<T>) => void) => (name: string, handler: Handler<T>) => {
      if (!name.includes(ONLY)) return;
      chosen += 1;
      register(name, reported(handler));
    };
  const hook = (place: string, register: (hook: Handler<T>) => void) => (handler: Handler<T>) =>
    register(printed(place, handler));
  return Object.assign(add(inner), {
    only: add(inner.only),
    skip: inner.skip,
    before: Object.assign(hook("before", inner.before), { each: hook("before.each", inner.before.each) }),
    after: Object.assign(hook("after", inner.after), { each: hook("after.each", inner.after.each) }),
    // Where no name matches, the hooks do not run either.
    run: () => (chosen > 0 || ONLY === "" ? inner.run() : undefined),
  });
}

export const suite = <T = Record<string, unknown>>(name?: string, context?: T): uvu.Test<T> =>
  wrap(uvu.suite<T>(name, context));
export const test = wrap(uvu.test);
export const exec = uvu.exec;
