// Start worker: a worker whose script may be on another origin than the page, as with a CDN.

/** Script of another origin → address of a line that imports it; kept, since browsers differ in when they read it. */
const shims = new Map<string, string>();

function shimOf(href: string): string {
  const known = shims.get(href);
  if (known !== undefined) return known;
  const source = `import ${JSON.stringify(href)};`;
  const made = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  shims.set(href, made);
  return made;
}

/**
 * `start` makes the worker, in the form that bundlers recognize (`new Worker(new URL("…", import.meta.url))`).
 * Browsers refuse scripts of another origin: then the worker's own script is a line that imports the one at `path`,
 * relative to the module at `base`, which needs CORS there and `worker-src blob:` in the page's policy, if it has one.
 */
export function startWorker(start: () => Worker, path: string, base: string): Worker {
  try {
    return start();
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== "SecurityError") throw error;
  }
  return new Worker(shimOf(new URL(path, base).href), { type: "module", name: "vitrine" });
}
