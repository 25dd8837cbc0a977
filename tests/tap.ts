/**
 * The test library, ready for use under Deno: `import t from "#tap"`.
 *
 * @module
 */
import "./tap_shim.ts";
import t from "tap";

export default t;
