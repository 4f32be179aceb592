// Masthead: the name of the project, the pages beside this one, and what the page is about at this moment.

import type { ComponentChildren } from "preact";
import { buildFacts } from "./build-facts.js";

/** Pages that work wherever this one does; a run's dashboard needs its run. */
const PAGES = [
  { file: "index.html", href: "./", label: "Classify" },
  { file: "train.html", href: "./train.html", label: "Train" },
] as const;

interface MastheadProps {
  /** This page; without it there are no links. */
  here?: (typeof PAGES)[number]["file"];
  children?: ComponentChildren;
}

export function Masthead({ here, children }: MastheadProps) {
  const pages = PAGES.filter(({ file }) => buildFacts.pages.includes(file));
  return (
    <header class="masthead">
      <h1 class="wordmark">Vitrine</h1>
      {here !== undefined && pages.length > 1 && (
        <nav class="masthead-pages" aria-label="Pages">
          {pages.map(({ file, href, label }) => (
            <a class="masthead-page" key={file} href={href} aria-current={file === here ? "page" : undefined}>
              {label}
            </a>
          ))}
        </nav>
      )}
      {children}
    </header>
  );
}
