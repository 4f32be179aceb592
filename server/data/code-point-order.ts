// Code-point order: how classes and files sort, the same on every machine, whatever its locale.

/** UTF-16 units in an order that is that of code points: surrogates (above U+FFFF) go behind U+E000 … U+FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Negative if `a` comes first. JavaScript's own `<` compares UTF-16 units, which differs beyond U+FFFF. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
