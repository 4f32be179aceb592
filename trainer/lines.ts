// Lines: text for people in lines of at most 80 columns.

const COLUMNS = 80;

/** Words in lines of at most 80 columns, the first line after `first`, the others indented as far. */
export function wrap(first: string, words: readonly string[], separator = " "): string[] {
  const lines = [first + words[0]];
  for (const word of words.slice(1)) {
    const longer = lines[lines.length - 1] + separator + word;
    if (longer.length <= COLUMNS) lines[lines.length - 1] = longer;
    else lines.push(" ".repeat(first.length) + word);
  }
  return lines;
}
