// Code point order: the order of classes and files, which decides class indices and what an epoch permutes.

/** UTF-16 units ranked by code point: surrogates (above U+FFFF) come after U+E000 … U+FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/**
 * The same on every machine, whatever its locale: negative if `a` comes first.
 * JavaScript's own `<` compares UTF-16 units, which differs above U+FFFF.
 */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
