import t from "#tap";
import { LineLog } from "../../harness/guest/line_log.ts";
import { outDir } from "./out_dir.ts";

t.test("a log that grows without end keeps what came last", async (t) => {
  const path = `${await outDir(t)}/lines.log`;
  const room = 3 * "line 10\n".length;
  using log = new LineLog(path, room);
  for (let number = 10; number < 18; number++) log.write(`line ${number}`);
  t.equal(await Deno.readTextFile(`${path}.earlier`), "line 13\nline 14\nline 15\n");
  t.equal(await Deno.readTextFile(path), "line 16\nline 17\n");
});
