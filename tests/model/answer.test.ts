import t from "#tap";
import { answerText, ok, refused } from "../../harness/model/answer.ts";

t.test("an answer in words, whatever decided it", async (t) => {
  t.equal(answerText(ok()), "ok");
  t.equal(answerText(ok({ size: "0x1000", avail: "0x2" }, "§5.2")), "ok size=0x1000 avail=0x2");
  t.equal(answerText(refused("EINVAL", "§4.1 row 2")), "EINVAL");
});
