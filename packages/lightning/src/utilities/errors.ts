import { CtError } from "@classifier-training/base";

/** An error of the trainer, its callbacks or its checkpoints that the user can do something about. */
export class LightningError extends CtError {}

/** A combination of options, or a use of the API, that cannot work. */
export class MisconfigurationError extends LightningError {
  constructor(what: string, fix?: string) {
    super({ code: "lightning/misconfiguration", what, fix });
  }
}
