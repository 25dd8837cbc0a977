/** Schema parts that several kinds of step share. */
import * as z from "zod";

export const GROUP = z.string().regex(
  /^[A-Z][A-Za-z0-9]{0,15}$/,
  "write a group name of up to 16 letters and digits, such as A",
);
export const CONTAINER = z.string().regex(/^c\d{1,3}$/, "write a container such as c0");
export const PROCESS = z.string().regex(/^p\d{1,2}$/, "write a process such as p1");
export const DEFAULT_CONTAINER = "c0";
export const ADDRESS = z.union(
  [z.bigint(), z.string()],
  "write a number or a sum such as 0x1000, 64KiB or top-4KiB+1",
)
  .describe("A number or a sum: 0x1000, 64KiB, top-4KiB+1");
export const REGIONS = z.array(z.string())
  .describe("START..LAST KIND, optionally xCOUNT every STRIDE: 0x40000000..0x400fffff reserved");
export const FLAGS = z.bigint().min(0n).max(0xffffffffn).transform(Number)
  .describe("All flag bits as a number");
export const ARGSZ = z.bigint().min(0n).max(0xffffffffn).transform(Number)
  .describe("The structure size passed to the kernel");
