// A consumer with `lib: ES2023`, `types: []` and `skipLibCheck: false`: every documented name, used as documented.

import * as browser from "vitrine/browser";
import * as client from "vitrine/client";
import * as image from "vitrine/image";
import * as runtime from "vitrine/runtime";

export const entrances = { browser, client, image, runtime };
