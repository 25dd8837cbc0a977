/** The end of a guest before its time. */

/** Why a guest is no more, or of no more use. */
export type Loss = "crash" | "hang" | "harness-fault";

/** The guest was lost while it was asked something. */
export class GuestLost extends Error {
  override readonly name: string = "GuestLost";
  readonly loss: Loss;
  /** The lines of the console that tell most. */
  readonly console: readonly string[];
  /** Replies that came before. */
  readonly replies: readonly string[];

  constructor(
    loss: Loss,
    message: string,
    console: readonly string[],
    options: ErrorOptions & { replies?: readonly string[] } = {},
  ) {
    super(message, options);
    this.loss = loss;
    this.console = console;
    this.replies = options.replies ?? [];
  }
}

/** The guest got nowhere for as long as it may take, which may be the host's fault as well as the kernel's. */
export class BootTimeout extends GuestLost {
  override readonly name = "BootTimeout";

  constructor({ message, console }: GuestLost, options: ErrorOptions) {
    super("harness-fault", message, console, options);
  }
}
