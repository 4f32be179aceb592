// Resolve: Node's module hook that gives `uvu` as ./uvu.js to every importer but that file itself.

const WRAPPER = new URL("./uvu.js", import.meta.url).href;

interface Context {
  parentURL?: string | undefined;
}

export function resolve<Resolved>(
  specifier: string,
  context: Context,
  nextResolve: (specifier: string, context: Context) => Resolved,
): Resolved {
  return nextResolve(specifier === "uvu" && context.parentURL !== WRAPPER ? WRAPPER : specifier, context);
}
