// Build facts: what the build knows of the package and of the pages beside this one (vite.config.ts).

interface BuildFacts {
  version: string;
  license: string;
  /** Where the code is; undefined where package.json has no homepage. */
  code?: string;
  /** Names of the HTML files. */
  pages: readonly string[];
}

declare const VITRINE: BuildFacts;

export const buildFacts: BuildFacts = VITRINE;
