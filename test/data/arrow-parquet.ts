// A Parquet file that Arrow's Rust library wrote (parquet-rs 59.3.0, by parquet-wasm 0.8.0), with what pyarrow writes by
// default: data pages of version 1, dictionaries, Snappy. The library that writes the other files of the tests has pages of
// version 2 only.

import { brotliDecompressSync } from "node:zlib";

const COMPRESSED =
  "G1UNERWcRyB0HMZulo7yh4XyF9MQ0SldCCf5/+X13apUKw2+d5I5GahG6f7SAFpaWINYiWdvgMB0Pveewy3QdqJ0RvnmyroU2dqb" +
  "bz+3eP8mYg08Qahqr2uJ7O7PbohaE5VM6LxV3JJJJRI6j5CJgUiKazyiM/3EOmHzOzo28nNI0RuDprQlk5AAPopiF8Azk2sSbqU5" +
  "QWSygRw7u8+Om8vNY+Z/CIGYyrlkUoy85AWCNSUAUxrGouYgRf2obVoludW8QrKrtcljIocY5OYU55mwI8yfXKSybHKZ3gEWEBZ1" +
  "BS5CCZSt+CmyhGY1VxbSqCbKzy6gCqkibnFolHAr7QolUSjgiJLrLgqqy1QL7iUoMlmCmKMEgUrNSgpDSoVL2aLgrj5HTrPSGkxO" +
  "JhJNJao2b6wFxw9OCad2QtqWm/XJaSNDgMzk8CiSNqNWIWAiuTRvj0X3Yf6YXvL9uJg0tqS9ES2/LMecgr9UAiA5ObYiS6X7Og9W" +
  "8G6kJzrPwRRAHe7wLkF1GbD5pGERX5WkruhvGlSKNqu3eLxGOO+VHvcZb/upWHBQ5N8PMHEw97q5Q5kY2K1lqPdzzMiJPR9F25NC" +
  "gbQ8c7PpUEyh6tTWZ/K4/mORqPm8pjraOhEQ5Y4n97uALbuuXVfDoZBdAG/MrhkNHXxfkmzyccUPhN51vX5+pxA1e8gUtudd43HY" +
  "LoFiJEGKQBJ1+aTRg74HvC1JFfi/SU8EsoyLiHe6k4L3tVyV+oUg89CxjKXxk8moK+B0O4cfhaihsJS5tnD8YA6Y4+SmoWcZTp8Y" +
  "0bPXYtR0GDfd3BK9AY9+dOYNYWoO/uhlU/v5t5ECWsWFt3j0HLXAt7HwIuxx3qsfedglISzgL0lF/2j0P5igj/v0by/yD6SkX6NV" +
  "cxS/xxBIH4rXSF6T8rZff/RNfmqadhQcFJTin03F4HSsSfE0nsdu9wN6TsAyBVpnxfHTyXCEPGuXBKxJUNOvKh7Fk/R1Uy8wJWgR" +
  "AkEp+F3wKOH/v8FKf/TxCqAOca3goPEDBw4eMfBJb401bKo/u60o3ZNOpOLSo/uk5xNvRq5WttLprkwjR/y0lnFR+i7GVXH1uw2s" +
  "4uq/LuzuBsSvjRxtA9mnXwbCCjXyO3eYl87CNdZN5c1CXc4KRIq+XcjgQM/Kl7sM4VqKEF78WIA2nx1fnlKAAmBV4Apo8zfA5u1F" +
  "vn05f8ylcBheXwdzme3XrVlodN/UfjFP7k1qqvrSaT+7aj7l0Oks597VjDvFnuy8gnnnvJTt3CbsfECXPK9CMG8+BlodqOa0TK3u" +
  "bnA2c3vQYxvVJznLpvdfJX774DJ7ta/J4lYnAJAWaO6TJrW+Ly/rSzAfnKENCDgUtf7xS2EhKBeFXLVXfZDQB8XYFSgzV7hQm2nN" +
  "pBEXvUdxlv8soj51wtG72LoAPlQxebWWIxUkoFIIZSEk9AJtF2ED7d/yTbzcoKZNswciTYgxZ9hspl64mLR0VXBq2l4cNto/r3xj" +
  "k+PeHEThDdUqLHvU4vn4bN7R59+rHJctieXFsiN1HeC6BX4/8KIK";

/** Bytes of the file: 12 rows in groups of 5. */
export const ARROW_PARQUET: Uint8Array = brotliDecompressSync(Buffer.from(COMPRESSED, "base64"));

export const ARROW_CLASSES = ["cat", "dog", "eel"];

/** Row `row` of it. */
export function arrowRow(row: number): { path: string; bytes: Uint8Array; label: number } {
  return { path: `p${row}.jpg`, bytes: Buffer.from(`picture ${row % 5}, `.repeat(4)), label: row % 3 };
}
