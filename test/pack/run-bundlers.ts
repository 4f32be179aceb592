// `npm run bundlers`: the tests of bundlers with those that take minutes, such as Next.js.

process.env.VITRINE_SLOW_BUNDLERS = "1";
await import("./bundlers.test.js");
