import t from "#tap";
import { schemas } from "../ci/schemas.ts";

t.test("the schemas for editors are those of the program", async (t) => {
  for (const [name, content] of Object.entries(schemas())) {
    const written = await Deno.readTextFile(new URL(`../configs/schema/${name}`, import.meta.url));
    t.equal(written, content, `${name}; write it anew with: deno task schemas`);
  }
});
