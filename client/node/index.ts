// The Node clients, as `vitrine/client` gives them.

export { connectData, type DataClientOptions } from "./data-client.js";
